/**
 * People who call with Firefox, driven over WebDriver BiDi. Has fake devices as harness.ts gives them to Chromium, and reads
 * the same samples; knows the screens by their accessible names.
 */
import { type Browser, type ElementHandle, launch, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { ensureFirefox } from '../fixtures/firefox.ts';
import { fakeScreen, type LinkSample, observe, PATIENCE_MS, sampleLinks } from './harness.ts';

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  // Host candidates are loopback addresses here, and mDNS names need a network that tests do not have.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
};

export interface Fox {
  readonly page: Page;
  /** Errors on the console and uncaught errors so far. */
  readonly problems: readonly string[];
  /** As of a person in Chromium. */
  links(): Promise<LinkSample[]>;
  /** Waits for the first element of this role and whole accessible name. */
  find(role: string, name: string): Promise<ElementHandle<Element>>;
  press(button: string): Promise<void>;
  /** Waits until the page says so. */
  says(words: string): Promise<void>;
}

export interface FoxOptions {
  readonly relayOnly?: boolean;
}

export interface Foxes {
  /** False where there is no Firefox and none can be installed. */
  readonly areThere: boolean;
  /** Opens a page with a screen to share, and joins. */
  join(url: string, name: string, options?: FoxOptions): Promise<Fox>;
}

/** Registers the hooks; the returned object's `join` may be used inside tests only. */
export async function useFirefox(): Promise<Foxes> {
  const executablePath = await ensureFirefox();
  let browser: Browser | undefined;
  const pages: Page[] = [];

  beforeAll(async () => {
    if (!executablePath) return;
    browser = await launch({
      browser: 'firefox',
      executablePath,
      extraPrefsFirefox: PREFERENCES,
      timeout: PATIENCE_MS,
      protocolTimeout: 2 * PATIENCE_MS,
    });
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.browserContext().close()));
  });
  afterAll(() => browser?.close());

  return {
    areThere: executablePath !== null,
    async join(url, name, { relayOnly = false } = {}) {
      if (!browser) throw new Error('there is no Firefox outside of a test');
      const context = await browser.createBrowserContext();
      const page = await context.newPage({ type: 'window' });
      pages.push(page);
      page.setDefaultTimeout(PATIENCE_MS);
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(String(error)));
      for (const before of [observe, fakeScreen]) await page.evaluateOnNewDocument(before);
      await page.goto(url);
      const fox = asFox(page, problems);
      await (await fox.find('textbox', 'Your name')).type(name);
      if (relayOnly) await (await fox.find('switch', 'Relay only')).click();
      await fox.press('Join');
      await fox.find('toolbar', 'Call controls');
      return fox;
    },
  };
}

function asFox(page: Page, problems: readonly string[]): Fox {
  const selector = (role: string, name: string) => `aria/${name}[role="${role}"]`;
  async function find(role: string, name: string): Promise<ElementHandle<Element>> {
    const found = await page.waitForSelector(selector(role, name));
    if (!found) throw new Error(`no ${role} ${name}`);
    return found;
  }
  return {
    page,
    problems,
    links: () => page.evaluate(sampleLinks),
    find,
    // By keyboard: on a slow machine a button may move between being looked at and being clicked.
    async press(button) {
      await (await find('button', button)).focus();
      await page.keyboard.press('Enter');
    },
    async says(words) {
      await page.waitForFunction((text) => document.body.textContent.includes(text), {}, words);
    },
  };
}
