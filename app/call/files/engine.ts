/**
 * All transfers of a call: who is offered what, and which link carries it. Owns transfers and their store; loaded when the
 * first one begins.
 *
 * People are told apart by their keys, which are new after a reload. So a transfer is known by its id and root: whoever
 * accepted it on an earlier page is found by asking newcomers (`seek`) for that pair, which nobody else knows.
 */
import { compareBytes } from '../../crypto/bytes.ts';
import { cleanFileName, cleanRelativePath } from '../../wire/file-name.ts';
import { cleanType, ID_BYTES, MAX_FILE_BYTES, type SenderFrame } from '../../wire/files.ts';
import type { LinkPort } from '../channels/link-port.ts';
import type { Scope } from '../scope.ts';
import { createTokenBucket } from '../token-bucket.ts';
import { createFileStore, type Place, type StoredMeta } from './file-store.ts';
import type { Sendable, TransferSnapshot } from './files-types.ts';
import { createIncoming, type Incoming } from './incoming.ts';
import { setLeftBehind } from './left-behind.ts';
import { createOutgoing, emptySet, type Outgoing, type Source } from './outgoing.ts';
import { createSession, type Session } from './session.ts';
import {
  forgetUnfinished,
  listUnfinished,
  recallFile,
  rememberFile,
  saveUnfinished,
  type UnfinishedSend,
} from './unfinished.ts';

export interface FilesEngine {
  /** Takes part in a link until it ends; the returned function takes its frames. */
  linkUp(port: LinkPort): (frame: ArrayBuffer) => void;
  send(items: readonly Sendable[], to: string | null): void;
  accept(id: string, place: Place): void;
  setPaused(id: string, paused: boolean): void;
  cancel(id: string): void;
  dismiss(id: string): void;
  provide(id: string, file: File | null): void;
}

export interface FilesEngineOptions {
  readonly scope: Scope;
  readonly changed: (list: readonly TransferSnapshot[]) => void;
}

/** More files than these at once go as one archive: nobody wants to answer so many questions. */
const MAX_SINGLE_FILES = 10;
/** Offers and transfers of one peer that are not over. */
const MAX_OPEN = 32;
/** Transfers listed, those that are over among them. */
const MAX_LISTED = 300;
/** Questions of one link for something accepted earlier: each looks at the disk. */
const MAX_SEEKS = 64;
/** Pictures that are taken without a question. */
const MAX_PICTURE_BYTES = 1024 * 1024;
const PICTURE_BURST = 6;
const PICTURE_MS = 10_000;
const MAX_PICTURES = 24;
const PICTURE_TYPES = /^image\/(png|jpeg|gif|webp)$/;
const TELL_MS = 100;
const METER_MS = 1_000;

export function createFilesEngine({ scope, changed: tellAll }: FilesEngineOptions): FilesEngine {
  const store = createFileStore();
  const sessions = new Set<Session>();
  const seeks = new Map<Session, number>();
  const outgoing = new Map<string, Outgoing>();
  const incoming = new Map<string, Incoming>();
  /** Incoming transfers by the id of their offer. */
  const byId = new Map<string, Incoming>();
  /** In the order of their beginning. */
  const order: string[] = [];
  const pictures = createTokenBucket(PICTURE_BURST, PICTURE_MS);
  let pictureCount = 0;
  let nextName = 1;
  let timer: ReturnType<typeof setTimeout> | null = null;

  function changed(): void {
    timer ??= setTimeout(() => {
      timer = null;
      tell();
    }, TELL_MS);
  }

  function tell(): void {
    if (scope.signal.aborted) return;
    const list = order.flatMap((name) => (outgoing.get(name) ?? incoming.get(name))?.snapshot() ?? []);
    tellAll(list);
    // Speeds fall while nothing happens.
    if (list.some(({ state }) => state === 'going')) timer ??= setTimeout(retell, METER_MS);
  }
  function retell(): void {
    timer = null;
    tell();
  }

  function list(name: string): void {
    order.push(name);
    if (order.length <= MAX_LISTED) return;
    const over = order.find((entry) =>
      ['done', 'ended'].includes((outgoing.get(entry) ?? incoming.get(entry))?.state() ?? 'ended'),
    );
    if (over !== undefined) drop(over);
  }

  function drop(name: string): void {
    const received = incoming.get(name);
    if (received) {
      received.discard();
      byId.delete(received.meta.id);
      if (received.snapshot().isPicture) pictureCount -= 1;
    }
    incoming.delete(name);
    outgoing.delete(name);
    order.splice(order.indexOf(name), 1);
    changed();
  }

  // ---- sending

  function addOutgoing(source: Source, peerKey: string, accepted: boolean): Outgoing {
    const name = `file-${nextName++}`;
    const added = createOutgoing({
      name,
      source,
      peerKey,
      accepted,
      changed,
      over: () => {
        const isOver = (one: Outgoing) => one.state() === 'done' || one.state() === 'ended';
        const others = [...outgoing.values()].filter((one) => one.source === source);
        if (others.every(isOver)) void forgetUnfinished(source.idText);
      },
    });
    outgoing.set(name, added);
    list(name);
    return added;
  }

  async function prepare(source: Source): Promise<boolean> {
    if (!source.file) return false;
    source.hashedBytes = 0;
    const prepared = await store.prepare(source.file, (doneBytes) => {
      source.hashedBytes = doneBytes;
      changed();
    });
    source.prepared = prepared;
    return prepared !== null && !scope.signal.aborted;
  }

  function sessionOf(peerKey: string): Session | undefined {
    for (const session of sessions) if (session.key === peerKey) return session;
    return undefined;
  }

  function remember(source: Source): void {
    const { file, prepared, idText, name, type, sizeBytes, handle } = source;
    if (!file || !prepared) return;
    rememberFile(idText, file, prepared);
    setLeftBehind(true);
    void saveUnfinished({ id: idText, root: prepared.root, name, type, sizeBytes, handle, atMs: Date.now() });
  }

  /** Names a file on a link: to the one it is for, or as a question to somebody who may have accepted it before. */
  function propose(session: Session, first: Outgoing, how: 'offer' | 'seek'): void {
    const { source } = first;
    const { prepared } = source;
    if (!prepared) return;
    let have = emptySet(source);
    let running: Outgoing | null = null;
    const handle = session.number((frame) => {
      switch (frame.kind) {
        case 'have':
          if (running) return false;
          have = have.with(frame.fromChunk, frame.bits);
          return true;
        case 'accept':
          if (running) return false;
          if (how === 'offer') running = first;
          else running = first.state() === 'waiting' ? first : addOutgoing(source, session.key, true);
          remember(source);
          running.begin(session, handle, have);
          return true;
        case 'stored':
          return running?.stored(frame.count) ?? false;
        case 'receiving':
          running?.receiving(frame.on);
          return running !== null;
        case 'stop':
          session.forgetOwn(handle);
          if (running || how === 'offer') (running ?? first).stopped(frame.reason);
          return true;
        case 'done':
          return (running ?? first).verified(frame.root);
      }
    });
    const { id, sizeBytes, name, type } = source;
    const { root } = prepared;
    if (how === 'offer') first.offered(session, handle);
    session.post(
      how === 'offer'
        ? { kind: 'offer', handle, id, root, sizeBytes, name, type }
        : { kind: 'seek', handle, id, root },
    );
  }

  /** What this link can carry of what is under way: to its person, or to whoever they were before. */
  function proposeAll(session: Session): void {
    const sought = new Set<Source>();
    for (const one of [...outgoing.values()]) {
      const state = one.state();
      if (one.peerKey() === session.key && (state === 'offered' || state === 'waiting'))
        propose(session, one, 'offer');
      else if (state === 'waiting' && !sessionOf(one.peerKey()) && !sought.has(one.source)) {
        sought.add(one.source);
        propose(session, one, 'seek');
      }
    }
  }

  /** `file` is null when it could not be read: said like any other that cannot. */
  async function sendOne(
    file: Blob | null,
    name: string,
    handle: FileSystemFileHandle | null,
    keys: readonly string[],
  ) {
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
    const source: Source = {
      id,
      idText: hex(id),
      name,
      type: cleanType(file?.type ?? ''),
      sizeBytes: file?.size ?? 0,
      file,
      handle,
      prepared: null,
      hashedBytes: 0,
    };
    const all = keys.map((key) => addOutgoing(source, key, false));
    changed();
    const ready = file !== null && file.size <= MAX_FILE_BYTES && (await prepare(source));
    for (const one of all) {
      if (!ready) one.end('unreadable');
      if (one.state() !== 'offered') continue;
      const session = sessionOf(one.peerKey());
      if (session) propose(session, one, 'offer');
    }
    changed();
  }

  async function send(items: readonly Sendable[], to: string | null): Promise<void> {
    const keys = to === null ? [...new Set([...sessions].map(({ key }) => key))] : [to];
    if (items.length === 0 || keys.length === 0) return;
    const isFolder = items.some(({ path }) => path.includes('/'));
    if (!isFolder && items.length <= MAX_SINGLE_FILES) {
      for (const { file, path, handle } of items)
        void sendOne(file, cleanFileName(path), handle ?? null, keys);
      return;
    }
    const { createArchive } = await import('./archive.ts');
    const entries = items.map(({ file, path }) => ({
      path: cleanRelativePath(path),
      file,
      modifiedMs: file.lastModified,
    }));
    const tops = new Set(entries.map(({ path }) => path.split('/')[0] ?? ''));
    const [top = ''] = tops;
    const name = isFolder && tops.size === 1 ? `${top}.zip` : `${items.length} files.zip`;
    const archive = await createArchive(entries).catch(() => null);
    await sendOne(archive, cleanFileName(name), null, keys);
  }

  // ---- receiving

  function openOf(peerKey: string): number {
    let open = 0;
    for (const one of incoming.values())
      if (one.peerKey() === peerKey && one.state() !== 'done' && one.state() !== 'ended') open += 1;
    return open;
  }

  function addIncoming(meta: StoredMeta, peerKey: string, isPicture: boolean): Incoming {
    const name = `file-${nextName++}`;
    const added = createIncoming({ name, meta, store, peerKey, isPicture, changed });
    incoming.set(name, added);
    byId.set(meta.id, added);
    list(name);
    return added;
  }

  function offered(session: Session, frame: Extract<SenderFrame, { kind: 'offer' }>): void {
    const id = hex(frame.id);
    const known = byId.get(id);
    if (known) {
      // The same person again, or one who can name what was accepted: an id alone is nobody's.
      const mayBind =
        compareBytes(known.meta.root, frame.root) === 0 && known.meta.sizeBytes === frame.sizeBytes;
      if (mayBind && (known.peerKey() === session.key || known.isAccepted()))
        known.bind(session, frame.handle);
      else {
        session.post({ kind: 'stop', handle: frame.handle, reason: 'unknown' });
        session.blame();
      }
      return;
    }
    if (openOf(session.key) >= MAX_OPEN) {
      session.post({ kind: 'stop', handle: frame.handle, reason: 'too-many' });
      session.blame();
      return;
    }
    const { name, type, sizeBytes, root } = frame;
    const isPicture =
      PICTURE_TYPES.test(type) &&
      sizeBytes > 0 &&
      sizeBytes <= MAX_PICTURE_BYTES &&
      pictureCount < MAX_PICTURES &&
      pictures.take();
    if (isPicture) pictureCount += 1;
    const added = addIncoming({ id, root, sizeBytes, name, type }, session.key, isPicture);
    added.bind(session, frame.handle);
    if (isPicture) added.accept('memory');
  }

  async function sought(session: Session, frame: Extract<SenderFrame, { kind: 'seek' }>): Promise<void> {
    const id = hex(frame.id);
    const { handle, root } = frame;
    const known = byId.get(id);
    const count = (seeks.get(session) ?? 0) + 1;
    seeks.set(session, count);
    const meta = known || count > MAX_SEEKS ? null : await store.find(id, root);
    if (session.signal.aborted) return;
    // Two links may ask at once; the first answer makes the transfer that the second finds.
    const present = byId.get(id);
    if (present?.isAccepted() && compareBytes(present.meta.root, root) === 0) present.bind(session, handle);
    else if (meta && !present) {
      const added = addIncoming(meta, session.key, false);
      added.bind(session, handle);
      added.accept('private');
    } else session.post({ kind: 'stop', handle, reason: 'unknown' });
  }

  // ---- life

  async function restore(): Promise<void> {
    const sends = await listUnfinished();
    if (scope.signal.aborted) return;
    for (const send of sends) {
      if ([...outgoing.values()].some((one) => one.source.idText === send.id)) continue;
      addOutgoing(sourceOf(send), '', true);
    }
    for (const session of sessions) proposeAll(session);
    changed();
    const nothingKept = await store.swept;
    if (nothingKept && sends.length === 0 && order.length === 0) setLeftBehind(false);
  }

  async function provide(one: Outgoing, given: File | null): Promise<void> {
    const { source } = one;
    const file = given ?? (await fileOf(source.handle));
    if (!file) return;
    one.setProblem(null);
    const expected = await listUnfinished();
    const known = expected.find(({ id }) => id === source.idText);
    if (!known || file.size !== source.sizeBytes) {
      one.setProblem('another-file');
      return;
    }
    source.file = file;
    changed();
    const ready = await prepare(source);
    if (!ready || !source.prepared || compareBytes(source.prepared.root, known.root) !== 0) {
      source.file = null;
      source.prepared = null;
      one.setProblem(ready ? 'another-file' : 'unreadable');
      return;
    }
    remember(source);
    for (const session of sessions) proposeAll(session);
    changed();
  }

  scope.onClose(() => {
    if (timer !== null) clearTimeout(timer);
    for (const one of incoming.values()) one.suspend();
    store.close();
  });
  void restore();

  return {
    linkUp(port) {
      const { session, take } = createSession({
        port,
        begins(frame) {
          if (frame.kind === 'offer') offered(session, frame);
          else void sought(session, frame);
        },
        refused() {
          for (const one of incoming.values()) if (one.peerKey() === port.key) one.end('refused');
          for (const one of outgoing.values()) if (one.peerKey() === port.key) one.end('refused');
        },
      });
      sessions.add(session);
      port.signal.addEventListener(
        'abort',
        () => {
          sessions.delete(session);
          seeks.delete(session);
          for (const one of incoming.values()) one.linkLost(session);
          for (const one of outgoing.values()) one.linkLost(session);
        },
        { once: true },
      );
      proposeAll(session);
      return take;
    },
    send: (items, to) => void send(items, to),
    accept(id, place) {
      const one = incoming.get(id);
      if (!one) return;
      if (place === 'private') setLeftBehind(true);
      one.accept(place);
    },
    setPaused: (id, paused) => (outgoing.get(id) ?? incoming.get(id))?.setPaused(paused),
    cancel(id) {
      outgoing.get(id)?.end('here');
      incoming.get(id)?.end('here');
    },
    dismiss(id) {
      const state = (outgoing.get(id) ?? incoming.get(id))?.state();
      if (state === 'done' || state === 'ended') drop(id);
    },
    provide(id, file) {
      const one = outgoing.get(id);
      if (one?.state() === 'needs-file') void provide(one, file);
    },
  };
}

function sourceOf({ id, name, type, sizeBytes, handle }: UnfinishedSend): Source {
  const recalled = recallFile(id);
  return {
    id: Uint8Array.from(id.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    idText: id,
    name,
    type,
    sizeBytes,
    file: recalled?.file ?? null,
    handle,
    prepared: recalled?.prepared ?? null,
    hashedBytes: 0,
  };
}

/** Asks the person, in the browser's words, when it must. */
async function fileOf(handle: FileSystemFileHandle | null): Promise<File | null> {
  try {
    return (await handle?.getFile()) ?? null;
  } catch {
    return null;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
