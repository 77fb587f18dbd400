/**
 * The engine's one way of telling: a current value and listeners. Not reactive on its own; `state/` adapts it to Solid.
 */
export interface Observable<T> {
  snapshot(): T;
  /** Calls `listener` after every change, not at once. Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void;
}

export interface Subject<T> extends Observable<T> {
  set(next: T): void;
}

/** A `Subject` holding `initial`. A value identical to the current one (`Object.is`) is not announced. */
export function createSubject<T>(initial: T): Subject<T> {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    snapshot: () => current,
    subscribe(listener) {
      // A wrapper, so that one function subscribed twice is two subscriptions.
      const entry = () => listener();
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    set(next) {
      if (Object.is(next, current)) return;
      current = next;
      for (const listener of [...listeners]) listener();
    },
  };
}
