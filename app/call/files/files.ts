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

/** What may come of one link while the engine loads: offers are a few hundred bytes. */
const MAX_HELD_FRAMES = 64;

interface Link {
  readonly port: LinkPort;
  held: ArrayBuffer[];
  take: ((frame: ArrayBuffer) => void) | null;
}

export function createFiles(scope: Scope): { readonly feature: CallFeature; readonly face: Files } {
  const subject = createSubject<readonly TransferSnapshot[]>([]);
  const links = new Set<Link>();
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
    loading ??= import('./engine.ts').then(({ createFilesEngine }) => {
      engine = createFilesEngine({ scope, changed: (list) => subject.set(list) });
      for (const link of links) connect(link);
      return engine;
    });
    return loading;
  }

  function command(run: (loaded: FilesEngine) => void): void {
    load().then(run, reportError);
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
          else load().catch(reportError);
        });
        if (isLeftBehind()) load().catch(reportError);
        timer ??= setTimeout(() => load().catch(reportError), PRELOAD_MS);
      },
    },
    face: {
      snapshot: subject.snapshot,
      subscribe: subject.subscribe,
      send: (items, to) => command((loaded) => loaded.send(items, to)),
      accept: (id, place) => engine?.accept(id, place),
      decline: (id) => engine?.cancel(id),
      setPaused: (id, paused) => engine?.setPaused(id, paused),
      cancel: (id) => engine?.cancel(id),
      dismiss: (id) => engine?.dismiss(id),
      provide: (id, file) => engine?.provide(id, file),
    },
  };
}
