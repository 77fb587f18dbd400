/** The address bar as the place of the invitation. Owns the fragment of the URL; knows nothing of keys. */
import type { Address } from './services.ts';

export function createPageAddress(page: Window): Address {
  const listeners = new Set<() => void>();
  const announce = () => {
    for (const listener of [...listeners]) listener();
  };
  page.addEventListener('hashchange', announce);
  return {
    origin: page.location.origin,
    href: () => page.location.href,
    enter(url) {
      const { hash } = new URL(url);
      // A page refused for its path must not keep it.
      if (page.location.pathname !== '/' || page.location.search !== '') {
        page.history.pushState(null, '', `/${hash}`);
        announce();
      } else page.location.hash = hash;
    },
    clear() {
      page.history.pushState(null, '', '/');
      announce();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
