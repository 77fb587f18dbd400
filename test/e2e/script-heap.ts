/**
 * What the script of a page holds, as the browser's own debugger counts it: the page's heap and those of its workers, objects
 * and the buffers behind them. Knows nothing of what the page is for.
 */
import type { Person } from './harness.ts';

export interface HeapBytes {
  readonly page: number;
  /** Of all its workers together. */
  readonly workers: number;
}

export interface ScriptHeap {
  collectGarbage(): Promise<void>;
  look(): Promise<HeapBytes>;
  close(): Promise<void>;
}

/** Asks one isolate of the debugger. */
type Ask = (method: 'HeapProfiler.collectGarbage' | 'Runtime.getHeapUsage') => Promise<unknown>;

/** Workers are found whether they run already or are started later; one that ended holds nothing. */
export async function openHeap(person: Person): Promise<ScriptHeap> {
  const session = await person.context.newCDPSession(person.page);
  const workers = new Map<string, Ask>();
  const waiting = new Map<
    number,
    { readonly sessionId: string; readonly answer: (result: unknown) => void }
  >();
  let asked = 0;

  const settle = (id: number, result: unknown) => {
    waiting.get(id)?.answer(result);
    waiting.delete(id);
  };
  // Sessions within the session, by messages: playwright hands out none of its own for workers.
  const askWorker = (sessionId: string, method: string) =>
    new Promise<unknown>((answer) => {
      const id = ++asked;
      waiting.set(id, { sessionId, answer });
      const message = JSON.stringify({ id, method });
      session.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => settle(id, null));
    });
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker') workers.set(sessionId, (method) => askWorker(sessionId, method));
  });
  session.on('Target.detachedFromTarget', ({ sessionId }) => {
    workers.delete(sessionId);
    for (const [id, asking] of waiting) if (asking.sessionId === sessionId) settle(id, null);
  });
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
    if (id !== undefined) settle(id, result);
  });
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });

  return {
    async collectGarbage() {
      await session.send('HeapProfiler.collectGarbage');
      await Promise.all([...workers.values()].map((ask) => ask('HeapProfiler.collectGarbage')));
    },
    async look() {
      const [page = 0, ...others] = await Promise.all([
        session.send('Runtime.getHeapUsage').then(bytesOf),
        ...[...workers.values()].map((ask) => ask('Runtime.getHeapUsage').then(bytesOf)),
      ]);
      return { page, workers: others.reduce((sum, bytes) => sum + bytes, 0) };
    },
    close: () => session.detach(),
  };
}

function bytesOf(usage: unknown): number {
  const { usedSize = 0, backingStorageSize = 0 } = (usage ?? {}) as {
    usedSize?: number;
    backingStorageSize?: number;
  };
  return usedSize + backingStorageSize;
}
