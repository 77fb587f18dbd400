/**
 * File transfers as a feature of a call: what is here from the start. Owns the links until the engine is needed, by a first
 * frame or a first file, and loads it then; so joining costs nothing.
 */
import type { CallFeature, LinkPort } from '../channels/link-port.ts';
import { createSubject } from '../observable.ts';
import type { Scope } from '../scope.ts';
import type { FilesEngine } from './engine.ts';
import type { Files, TransferSnapshot } from './files-types.ts';
import { isLeftBehind } from './left-behind.ts';

/** A running call needs no server, but code that is not here yet does: it is had soon after joining, when all is calm. */
const PRELOAD_MS = 6_000;

/** When the page has come to rest. */
const CLEAR_MS = 5_000;

/** What may come of one link while the engine loads: offers are a few hundred bytes. */
const MAX_HELD_FRAMES = 64;

interface Link {
  readonly port: LinkPort;
  held: ArrayBuffer[];
  take: ((frame: ArrayBuffer) => void) | null;
}

/** For the beginning of a page: clears away what earlier ones left behind and nobody will ask for again. */
export function clearLeftFiles(): void {
  if (isLeftBehind())
    setTimeout(() => {
      import('./engine.ts').then((engine) => engine.clearLeftBehind()).catch(() => undefined);
    }, CLEAR_MS);
}

/** `ownKey` is the member key the others know this person by. Both are asked for once there is a link, not before. */
export function createFiles(
  scope: Scope,
  ownKey: () => string,
  roomId: () => string,
): { readonly feature: CallFeature; readonly face: Files } {
  const subject = createSubject<readonly TransferSnapshot[]>([]);
  const links = new Set<Link>();
  let here: ReadonlySet<string> | null = null;
  let engine: FilesEngine | null = null;
  let loading: Promise<FilesEngine> | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  scope.onClose(() => {
    if (timer !== null) clearTimeout(timer);
  });

  function connect(link: Link): void {
    if (!engine || link.take) return;
    link.take = engine.linkUp(link.port);
    for (const frame of link.held.splice(0)) link.take(frame);
  }

  function load(): Promise<FilesEngine> {
    loading ??= import('./engine.ts').then(
      ({ createFilesEngine }) => {
        engine = createFilesEngine({ scope, ownKey, roomId, changed: (list) => subject.set(list) });
        for (const link of links) connect(link);
        return engine;
      },
      (error: unknown) => {
        // The server is away; when it is next wanted it may be back.
        loading = null;
        throw error;
      },
    );
    return loading;
  }

  /** Whoever needs it says so; here it is only wanted. What peers offer is not seen without it, so it is tried till it is here. */
  function preload(): void {
    load().catch(() => {
      if (timer !== null) clearTimeout(timer);
      timer = scope.signal.aborted ? null : setTimeout(preload, PRELOAD_MS);
    });
  }

  return {
    feature: {
      linkUp(port) {
        const link: Link = { port, held: [], take: null };
        links.add(link);
        port.signal.addEventListener('abort', () => links.delete(link), { once: true });
        connect(link);
        port.receive('files', (frame) => {
          if (link.take) {
            link.take(frame);
            return;
          }
          link.held.push(frame);
          if (link.held.length > MAX_HELD_FRAMES) port.refuse();
          else preload();
        });
        if (isLeftBehind()) preload();
        timer ??= setTimeout(preload, PRELOAD_MS);
      },
      present(keys) {
        here = keys;
        engine?.present(keys);
      },
    },
    face: {
      snapshot: subject.snapshot,
      subscribe: subject.subscribe,
      async send(items, to) {
        const loaded = await load().catch(() => null);
        loaded?.send(items, to);
        // Whoever it is for may have left while the engine was fetched.
        if (here) loaded?.present(here);
        return loaded !== null;
      },
      offerInstead: (id, to) => engine?.offerInstead(id, to),
      accept: (id, place) => engine?.accept(id, place),
      decline: (id) => engine?.cancel(id),
      setPaused: (id, paused) => engine?.setPaused(id, paused),
      cancel: (id) => engine?.cancel(id),
      saved: (id) => engine?.saved(id),
      dismiss: (id) => engine?.dismiss(id),
      release: () => engine?.release(),
      provide: (id, file) => engine?.provide(id, file),
    },
  };
}
