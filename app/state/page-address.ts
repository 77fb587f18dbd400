/**
 * The address bar as the place of the invitation and of the screens that have an address. Owns path, fragment and what an
 * entry of the history keeps; knows nothing of keys.
 */
import { ABOUT_PATH, type Address } from './services.ts';

/** What an entry of the history of `/about` keeps, so that reloading does not lose it. */
interface Kept {
  readonly invitation: string;
}

/** The state of a call's entry. */
const CALL = 'call';

/** What is used of a window: the test seam. */
interface AddressedPage {
  readonly location: Pick<Location, 'origin' | 'href' | 'pathname' | 'search' | 'hash'>;
  readonly history: Pick<History, 'state' | 'pushState' | 'replaceState' | 'back'>;
  addEventListener(type: 'popstate' | 'hashchange', listener: () => void): void;
}

export function createPageAddress(page: AddressedPage): Address {
  const { location, history } = page;
  const listeners = new Set<() => void>();
  let kept = readKept(history.state);

  const isCall = () => history.state === CALL;
  // A call and its lobby have one address.
  const place = () => `${isCall()} ${location.href}`;
  let announced = place();
  const announce = () => {
    if (place() === announced) return;
    announced = place();
    for (const listener of [...listeners]) listener();
  };
  const push = (url: string, state: Kept | null) => {
    history.pushState(state, '', url);
    kept = state;
    announce();
  };
  // Back and forward fire the first, a change of the fragment the second or both.
  const moved = () => {
    const ofEntry = readKept(history.state);
    // A place of the same page, chosen by its fragment, is an entry of its own that knows nothing yet.
    if (ofEntry === null && kept !== null && location.pathname === ABOUT_PATH) {
      history.replaceState(kept, '');
    } else kept = ofEntry;
    announce();
  };
  page.addEventListener('popstate', moved);
  page.addEventListener('hashchange', moved);

  return {
    origin: location.origin,
    href: () => location.href,
    enter(url) {
      const { hash } = new URL(url);
      // A page refused for its path must not keep it.
      if (location.pathname !== '/' || location.search !== '') push(`/${hash}`, null);
      else location.hash = hash;
    },
    clear: () => push('/', null),
    openAbout: (invitation) => push(ABOUT_PATH, invitation === null ? null : { invitation }),
    keep(invitation) {
      kept = { invitation };
      history.replaceState(kept, '', ABOUT_PATH);
      announced = place();
    },
    kept: () => (location.pathname === ABOUT_PATH ? (kept?.invitation ?? null) : null),
    enterCall(url) {
      const { pathname, hash } = new URL(url);
      if (!isCall() || location.pathname !== pathname || location.hash !== hash)
        history.pushState(CALL, '', pathname + hash);
      kept = null;
      announced = place();
    },
    isCall,
    back: () => history.back(),
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

function readKept(state: unknown): Kept | null {
  if (typeof state !== 'object' || state === null || !('invitation' in state)) return null;
  return typeof state.invitation === 'string' ? { invitation: state.invitation } : null;
}
