/** The bench's Worker in a workerd of its own. Owns the process and nothing of what is measured. */
import { Miniflare } from 'miniflare';
import { bundleWorker } from '../fixtures/miniflare.ts';

export interface RoomServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startRoomServer(): Promise<RoomServer> {
  const miniflare = new Miniflare({
    cf: false,
    telemetry: { enabled: false },
    host: '127.0.0.1',
    port: 0,
    logRequests: false,
    modules: [
      { type: 'ESModule', path: 'worker.js', contents: await bundleWorker('test/bench/worker-bench.ts') },
    ],
    compatibilityDate: '2026-07-30',
    bindings: { TICKET_KEY: 'a ticket key for the bench alone' },
    durableObjects: {
      ROOMS: { className: 'ParleyRoom', useSQLite: true },
      ECHO: { className: 'Echo', useSQLite: true },
    },
  });
  const ready = await miniflare.ready;
  return { url: ready.origin, close: () => miniflare.dispose() };
}
