/**
 * A lifetime: one per call, a child per link. Owns the order in which what was acquired is released; knows nothing of
 * what is released.
 */
export class Scope {
  readonly #controller = new AbortController();
  readonly #children = new Set<Scope>();
  readonly #disposers: (() => void)[] = [];
  #leaveParent: (() => void) | null = null;

  /** Aborted from the first moment of `close`: check it after every `await`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A scope that ends with this one, or earlier by itself. A child of a closed scope is closed. */
  child(): Scope {
    const child = new Scope();
    if (this.signal.aborted) {
      child.close();
      return child;
    }
    this.#children.add(child);
    child.#leaveParent = () => this.#children.delete(child);
    return child;
  }

  /** Runs `fn` when the scope closes, or at once if it is closed. */
  onClose(fn: () => void): void {
    if (this.signal.aborted) fn();
    else this.#disposers.push(fn);
  }

  /**
   * Marks itself closed, closes the children, then runs the disposers, the last one first. Idempotent. What a disposer
   * throws is reported as an uncaught error and does not keep the others from running.
   */
  close(): void {
    if (this.signal.aborted) return;
    this.#leaveParent?.();
    this.#leaveParent = null;
    const children = [...this.#children];
    const disposers = this.#disposers.splice(0).reverse();
    this.#children.clear();
    this.#controller.abort();
    for (const child of children) child.close();
    for (const dispose of disposers) {
      try {
        dispose();
      } catch (error) {
        reportError(error);
      }
    }
  }
}
