/**
 * What every end-to-end file needs around its tests: one Parley, one browser, people that are gone after each test.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Parley, type StartOptions, startParley } from '../../scripts/lib/start-parley.ts';
import {
  type JoinOptions,
  launchBrowser,
  type OpenOptions,
  openPerson,
  type Person,
  waitForMedia,
} from './harness.ts';

export type MemberOptions = OpenOptions & JoinOptions;

export interface Stage {
  readonly system: Parley;
  /** A fresh invitation, as the home screen makes it: 16 random bytes, base64url. `origin` replaces the server's own. */
  invitation(origin?: string): string;
  open(url: string, name: string, options?: OpenOptions): Promise<Person>;
  /** Opens a page and joins. */
  join(url: string, name: string, options?: MemberOptions): Promise<Person>;
  /**
   * Has people of these names join one call, one after the other, until each sees and hears all others, or hears them where
   * they are `voiceOnly`. The options are everybody's; the invitation is a fresh one unless `url` is given.
   */
  meet<const Names extends readonly string[]>(
    names: Names,
    options?: MemberOptions & { readonly url?: string },
  ): Promise<{ [Index in keyof Names]: Person }>;
}

/** Registers the hooks; the returned object may be used inside tests only. */
export function useStage(options: StartOptions = {}, browserFlags: readonly string[] = []): Stage {
  let system: Parley | undefined;
  let browser: Browser | undefined;
  let people: Person[] = [];

  beforeAll(async () => {
    system = await startParley(options);
    browser = await launchBrowser(browserFlags);
  });

  afterEach(async () => {
    await Promise.all(people.map((person) => person.close()));
    people = [];
  });

  afterAll(async () => {
    await browser?.close();
    await system?.close();
  });

  const running = (): Parley => {
    if (!system) throw new Error('the stage is used outside a test');
    return system;
  };
  const stage: Stage = {
    get system() {
      return running();
    },
    invitation(origin = running().url) {
      const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
      return `${origin}/#${secret}`;
    },
    async open(url, name, options) {
      if (!browser) throw new Error('the stage is used outside a test');
      const person = await openPerson(browser, url, name, options);
      people.push(person);
      return person;
    },
    async join(url, name, options) {
      const person = await stage.open(url, name, options);
      await person.join(options);
      return person;
    },
    async meet<const Names extends readonly string[]>(
      names: Names,
      { url = stage.invitation(), ...options }: MemberOptions & { readonly url?: string } = {},
    ) {
      const met: Person[] = [];
      for (const name of names) met.push(await stage.join(url, name, options));
      await waitForMedia(met, met.length - 1);
      return met as { [Index in keyof Names]: Person };
    },
  };
  return stage;
}
