import { describe, expect, it } from 'vitest';
import { createPageAddress } from '../../app/state/page-address.ts';

const ORIGIN = 'https://parley.example';
const INVITATION = `${ORIGIN}/#9fQ2mLx0TzVb7cKp1sWd4w`;

/** As much of a window as the address touches, with the history of a real one: entries, their states, its two events. */
function fakeWindow(start: string) {
  let entries: { href: string; state: unknown }[] = [{ href: start, state: null }];
  let at = 0;
  const events = new EventTarget();
  const entry = () => entries[at] ?? { href: '', state: null };
  const url = () => new URL(entry().href);
  const push = (href: string, state: unknown) => {
    entries = [...entries.slice(0, at + 1), { href: new URL(href, entry().href).href, state }];
    at += 1;
  };
  /** A browser fires the first for what it traversed or scrolled to, and the second when the fragment differs. */
  const fire = (hashBefore: string) => {
    events.dispatchEvent(new Event('popstate'));
    if (url().hash !== hashBefore) events.dispatchEvent(new Event('hashchange'));
  };
  const location = {
    origin: ORIGIN,
    get href() {
      return entry().href;
    },
    get pathname() {
      return url().pathname;
    },
    get search() {
      return url().search;
    },
    get hash() {
      return url().hash;
    },
    set hash(hash: string) {
      const before = url().hash;
      push(hash, null);
      fire(before);
    },
  };
  const history = {
    get state() {
      return entry().state;
    },
    pushState: (state: unknown, _: string, href: string) => push(href, state),
    replaceState(state: unknown, _: string, href?: string) {
      entries[at] = { href: href === undefined ? entry().href : new URL(href, entry().href).href, state };
    },
    back: () => go(-1),
  };
  const go = (step: number) => {
    const before = url().hash;
    at += step;
    fire(before);
  };
  return {
    page: { location, history, addEventListener: events.addEventListener.bind(events) },
    /** Every address of the history, in order. */
    addresses: () => entries.map(({ href }) => href),
    go,
  };
}

function open(start: string) {
  const window = fakeWindow(start);
  const address = createPageAddress(window.page);
  const heard: string[] = [];
  address.onChange(() => heard.push(address.href()));
  return { ...window, address, heard };
}

describe('the address of the page', () => {
  it('takes an invitation by its fragment, and drops path and query', () => {
    const plain = open(`${ORIGIN}/`);
    plain.address.enter(INVITATION);
    expect(plain.address.href()).toBe(INVITATION);
    const elsewhere = open(`${ORIGIN}/?x=1`);
    elsewhere.address.enter(INVITATION);
    expect(elsewhere.address.href()).toBe(INVITATION);
  });

  it('is told of once, however many events a browser fires', () => {
    const { address, heard, go } = open(`${ORIGIN}/`);
    address.enter(INVITATION);
    address.openAbout(INVITATION);
    go(-1);
    go(-1);
    address.clear();
    expect(heard).toEqual([INVITATION, `${ORIGIN}/about`, INVITATION, `${ORIGIN}/`]);
  });

  it('keeps the invitation at /about, from section to section, and shows it in no address', () => {
    const { address, addresses, page, go } = open(INVITATION);
    address.openAbout(INVITATION);
    expect(address.kept()).toBe(INVITATION);
    page.location.hash = '#limits';
    page.location.hash = '#mesh';
    expect(address.kept()).toBe(INVITATION);
    go(-1);
    expect(address.kept()).toBe(INVITATION);
    expect(addresses().slice(1)).toEqual(
      ['about', 'about#limits', 'about#mesh'].map((path) => `${ORIGIN}/${path}`),
    );
    // A reload makes everything anew but the history.
    expect(createPageAddress(page).kept()).toBe(INVITATION);
    go(-2);
    expect(address.kept()).toBeNull();
    go(1);
    expect(address.kept()).toBe(INVITATION);
  });

  it('has an entry of its own for a call: entered in silence and once, and left not without a word', () => {
    const { address, addresses, heard, page } = open(`${ORIGIN}/`);
    address.enter(INVITATION);
    for (let time = 0; time < 2; time += 1) address.enterCall(INVITATION);
    expect([heard, addresses(), address.isCall()]).toEqual([
      [INVITATION],
      [`${ORIGIN}/`, INVITATION, INVITATION],
      true,
    ]);
    expect(createPageAddress(page).isCall()).toBe(true);
    address.back();
    expect([heard, address.isCall()]).toEqual([[INVITATION, INVITATION], false]);
    address.enterCall(INVITATION);
    address.openAbout(INVITATION);
    address.enterCall(INVITATION);
    expect([address.href(), address.isCall(), address.kept()]).toEqual([INVITATION, true, null]);
  });

  it('moves an invitation out of the fragment of /about without telling', () => {
    const { address, addresses, heard } = open(INVITATION.replace('/#', '/about#'));
    expect(address.kept()).toBeNull();
    address.keep(INVITATION);
    expect(address.kept()).toBe(INVITATION);
    expect(addresses()).toEqual([`${ORIGIN}/about`]);
    expect(heard).toEqual([]);
  });

  it('keeps nothing for whoever came without an invitation, nor anything strange', () => {
    const { address, page, go } = open(`${ORIGIN}/`);
    address.openAbout(null);
    expect(address.kept()).toBeNull();
    page.location.hash = '#limits';
    expect(address.kept()).toBeNull();
    for (const state of [7, 'text', { invitation: 7 }, []]) {
      page.history.replaceState(state, '');
      go(0);
      expect(address.kept()).toBeNull();
    }
  });
});
