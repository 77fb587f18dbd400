/**
 * A page's `Worker` in Node: the product's own worker script in a thread, behind the interface that a page has. Owns the
 * boundary, which a test may hold up; knows nothing of what passes it.
 */
import { Worker as Thread, type TransferListItem } from 'node:worker_threads';

/** Gives a thread what a worker's script finds in a browser, and then runs the script. */
const BOOT = `
const { parentPort, workerData } = require('node:worker_threads');
const scope = new EventTarget();
scope.postMessage = (data, transfer) => parentPort.postMessage(data, transfer);
scope.close = () => process.exit();
globalThis.self = scope;
const waiting = [];
let listening = false;
parentPort.on('message', (data) => {
  if (listening) scope.dispatchEvent(new MessageEvent('message', { data }));
  else waiting.push(data);
});
import(workerData).then(() => {
  listening = true;
  for (const data of waiting) scope.dispatchEvent(new MessageEvent('message', { data }));
});
`;

export interface PageWorkers {
  /** From here on the first message to a worker that `which` names, and all after it, wait for `release`. */
  hold(which: (message: { readonly op: string }) => boolean): void;
  release(): void;
  /** Every worker started from here on fails as one does whose script cannot be fetched. */
  setReachable(reachable: boolean): void;
  /** Operations asked of workers so far. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Makes `Worker` a global until `close`. */
export function installPageWorkers(): PageWorkers {
  const threads = new Set<Thread>();
  const asked: string[] = [];
  const held: (() => void)[] = [];
  let isHeld: (message: { readonly op: string }) => boolean = () => false;
  let isReachable = true;

  class PageWorker extends EventTarget {
    readonly #thread: Thread | null;

    constructor(script: URL) {
      super();
      this.#thread = isReachable ? new Thread(BOOT, { eval: true, workerData: script.href }) : null;
      if (!this.#thread) {
        queueMicrotask(() => this.dispatchEvent(new Event('error')));
        return;
      }
      threads.add(this.#thread);
      this.#thread.on('message', (data) => this.dispatchEvent(new MessageEvent('message', { data })));
      this.#thread.on('error', () => this.dispatchEvent(new Event('error')));
    }

    postMessage(message: { readonly op: string }, transfer: TransferListItem[] = []): void {
      asked.push(message.op);
      const post = () => this.#thread?.postMessage(message, transfer);
      if (held.length > 0 || isHeld(message)) held.push(post);
      else post();
    }

    terminate(): void {
      void this.#thread?.terminate();
    }
  }
  Object.assign(globalThis, { Worker: PageWorker });

  return {
    asked,
    hold(which) {
      isHeld = which;
    },
    release() {
      isHeld = () => false;
      for (const post of held.splice(0)) post();
    },
    setReachable(reachable) {
      isReachable = reachable;
    },
    async close() {
      await Promise.all([...threads].map((thread) => thread.terminate()));
      Reflect.deleteProperty(globalThis, 'Worker');
    },
  };
}
