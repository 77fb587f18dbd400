/**
 * All transfers of a call: who is offered what, and which link carries it. Owns their sources and their store; loaded soon
 * after joining.
 *
 * People are told apart by their keys, which are new after a reload. So a transfer is known by its id and root: whoever
 * accepted it on an earlier page is found by asking everybody else (`seek`), in a way that tells strangers neither the root
 * nor what would make them look like one who knows it.
 */
import { compareBytes } from '../../crypto/bytes.ts';
import { cleanFileName, cleanRelativePath } from '../../wire/file-name.ts';
import { cleanType, ID_BYTES, MAX_FILE_BYTES, type SenderFrame } from '../../wire/files.ts';
import type { LinkPort } from '../channels/link-port.ts';
import type { Scope } from '../scope.ts';
import { seekProof } from './file-hash.ts';
import { createFileStore, type Place, type StoredMeta } from './file-store.ts';
import type { Sendable, TransferSnapshot } from './files-types.ts';
import { createIncoming, type Incoming, type MemoryInUse } from './incoming.ts';
import { setLeftBehind } from './left-behind.ts';
import { createOutgoing, emptySet, type Outgoing, type Source } from './outgoing.ts';
import { createSession, type Session } from './session.ts';
import { createTransferList, isOver } from './transfer-list.ts';
import {
  claimSend,
  forgetUnfinished,
  listUnfinished,
  recallFile,
  rememberFile,
  roomTag,
  saveUnfinished,
  type UnfinishedSend,
} from './unfinished.ts';

export interface FilesEngine {
  /** Takes part in a link until it ends; the returned function takes its frames. */
  linkUp(port: LinkPort): (frame: ArrayBuffer) => void;
  /** Who is in the call now, linked or not. */
  present(keys: ReadonlySet<string>): void;
  send(items: readonly Sendable[], to: readonly string[]): void;
  offerInstead(id: string, to: string): void;
  accept(id: string, place: Place): void;
  setPaused(id: string, paused: boolean): void;
  cancel(id: string): void;
  saved(id: string): void;
  dismiss(id: string): void;
  /** Once the call is over: nobody can save any more what was received. */
  release(): void;
  provide(id: string, file: File | null): void;
}

export interface FilesEngineOptions {
  readonly scope: Scope;
  readonly ownKey: () => string;
  readonly roomId: () => string;
  readonly changed: (list: readonly TransferSnapshot[]) => void;
}

/** What a person chose to send: a file as it is, or an archive still to be made. */
interface Content {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly handle: FileSystemFileHandle | null;
  /** Null when it cannot be read. */
  readonly file: (source: Source) => Promise<Blob | null>;
  /** How much of all the reading is left once `file` is had, 0 to 1. */
  readonly share: number;
}

/** More files than these at once go as one archive: nobody wants to answer so many questions. */
const MAX_SINGLE_FILES = 10;
/** Questions of one link for something accepted earlier: each looks at the disk. */
const MAX_SEEKS = 64;
/** Pictures that are taken without a question. */
const MAX_PICTURE_BYTES = 1024 * 1024;
const PICTURE_TYPES = /^image\/(png|jpeg|gif|webp)$/;

export function createFilesEngine({
  scope,
  ownKey,
  roomId,
  changed: tellAll,
}: FilesEngineOptions): FilesEngine {
  const list = createTransferList(tellAll);
  const { outgoing, incoming, changed } = list;
  const store = createFileStore();
  const room = roomTag(roomId());
  const sessions = new Set<Session>();
  /** How often each link was asked about here. */
  const seeks = new Map<Session, number>();
  /** What each link was asked about from here: the answer would be the same. */
  const sought = new Map<Session, Set<Source>>();
  /** Ids of offers that were taken back out of reach of those they were made to, by their keys. */
  const recalls = new Map<string, Uint8Array<ArrayBuffer>[]>();
  const memory: MemoryInUse = { bytes: 0 };

  // ---- sending

  function addOutgoing(source: Source, peerKey: string, accepted: boolean): Outgoing {
    return list.addOutgoing((name) =>
      createOutgoing({
        name,
        source,
        peerKey,
        accepted,
        changed,
        over: () => {
          if ([...outgoing.values()].every((one) => one.source !== source || isOver(one))) release(source);
          else remember(source);
        },
      }),
    );
  }

  /** Nobody is to receive it any more: what is known of a file may be megabytes. */
  function release(source: Source): void {
    source.life.abort();
    source.file = null;
    source.prepared = null;
    void forgetUnfinished(source.idText);
  }

  /** Reads the file of `source`; false when that cannot be done, or nobody is to receive it any more. */
  async function prepare(source: Source, file: Blob, share = 1): Promise<boolean> {
    const begun = (1 - share) * file.size;
    source.file = file;
    source.preparedBytes = begun;
    changed();
    const progress = (doneBytes: number) => {
      source.preparedBytes = begun + share * doneBytes;
      changed();
    };
    const prepared = await store.prepare(file, progress, source.life.signal);
    if (source.life.signal.aborted) return false;
    source.prepared = prepared;
    return prepared !== null;
  }

  function sessionOf(peerKey: string): Session | undefined {
    for (const session of sessions) if (session.key === peerKey) return session;
    return undefined;
  }

  /** What somebody accepted outlives this page. */
  function remember(source: Source): void {
    const { file, prepared, idText, name, type, sizeBytes, handle } = source;
    const receivers = [...outgoing.values()].filter(
      (one) => one.source === source && (one.state() === 'going' || one.state() === 'waiting'),
    ).length;
    if (!file || !prepared) return;
    if (receivers === 0) {
      void forgetUnfinished(idText);
      return;
    }
    rememberFile(idText, file, prepared);
    setLeftBehind(true);
    void claimSend(idText, source.life.signal, true);
    const entry = { id: idText, root: prepared.root, name, type, sizeBytes, handle, receivers };
    void room.then((tag) => saveUnfinished({ ...entry, room: tag, atMs: Date.now() }));
  }

  /** One that waits for a receiver who is not here under the key of then. */
  function waitingOf(source: Source): Outgoing | null {
    const isWaiting = (one: Outgoing) => one.state() === 'waiting' && !sessionOf(one.peerKey());
    return [...outgoing.values()].find((one) => one.source === source && isWaiting(one)) ?? null;
  }

  /** Whoever has a transfer of it under this key is nobody else. */
  function isReceiver(source: Source, key: string): boolean {
    return [...outgoing.values()].some((one) => one.source === source && one.peerKey() === key);
  }

  /** Ends it, and tells its receiver later when that cannot be told now. */
  function takeBack(one: Outgoing, reason: 'here' | 'left'): void {
    const key = one.peerKey();
    if (one.isOutOfReach()) recalls.set(key, [...(recalls.get(key) ?? []), one.source.id]);
    one.end(reason);
  }

  /** Names a file on a link: to the one it is for, or as a question to somebody who may have accepted it before. */
  async function propose(session: Session, first: Outgoing, how: 'offer' | 'seek'): Promise<void> {
    const { source } = first;
    const { prepared } = source;
    if (!prepared) return;
    const { id, sizeBytes, name, type } = source;
    const { root } = prepared;
    const proof = how === 'seek' ? await seekProof(root, ownKey(), session.key) : null;
    if (session.signal.aborted) return;
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
          if (proof && (!frame.root || compareBytes(frame.root, root) !== 0)) return false;
          running = proof ? waitingOf(source) : first;
          if (running) {
            running.begin(session, handle, have);
            remember(source);
          } else {
            session.post({ kind: 'withdraw', handle, reason: 'person' });
            session.forgetOwn(handle);
          }
          return true;
        case 'stored':
          return running?.stored(frame.count) ?? false;
        case 'receiving':
          running?.receiving(frame.on);
          return running !== null;
        case 'stop':
          session.forgetOwn(handle);
          (running ?? (proof ? null : first))?.stopped(frame.reason);
          if (!running && proof) {
            source.newcomers.add(session.key);
            changed();
          }
          return true;
        case 'done':
          return (running ?? (proof ? waitingOf(source) : first))?.verified(frame.root) ?? false;
      }
    });
    if (proof) session.post({ kind: 'seek', handle, id, proof });
    else {
      first.offered(session, handle);
      session.post({ kind: 'offer', handle, id, root, sizeBytes, name, type });
    }
  }

  /** What this link can carry of what is under way: to its person, or to whoever they were before. */
  function proposeAll(session: Session): void {
    for (const id of recalls.get(session.key) ?? []) session.post({ kind: 'recall', handle: 0, id });
    recalls.delete(session.key);
    const asked = sought.get(session);
    for (const one of [...outgoing.values()]) {
      const state = one.state();
      if (state !== 'offered' && state !== 'waiting') continue;
      if (one.peerKey() === session.key) {
        if (!one.isOfferedOn(session)) void propose(session, one, 'offer');
      } else if (state === 'waiting' && !sessionOf(one.peerKey()) && asked && !asked.has(one.source)) {
        if (isReceiver(one.source, session.key)) continue;
        asked.add(one.source);
        void propose(session, one, 'seek');
      }
    }
  }

  async function sendOne({ file, share, ...content }: Content, keys: readonly string[]): Promise<void> {
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
    const life = new AbortController();
    scope.onClose(() => life.abort());
    const source: Source = {
      ...content,
      id,
      idText: hex(id),
      file: null,
      expected: null,
      prepared: null,
      preparedBytes: 0,
      newcomers: new Set(),
      life,
    };
    const all = keys.map((key) => addOutgoing(source, key, false));
    changed();
    const whole = source.sizeBytes <= MAX_FILE_BYTES ? await file(source) : null;
    if (whole) source.sizeBytes = whole.size;
    const isTooLarge = source.sizeBytes > MAX_FILE_BYTES;
    const isReady = whole !== null && !isTooLarge && (await prepare(source, whole, share));
    for (const one of all) {
      if (!isReady) one.end(isTooLarge ? 'too-large' : 'unreadable');
      const session = one.state() === 'offered' && sessionOf(one.peerKey());
      if (session) void propose(session, one, 'offer');
    }
    changed();
  }

  function send(items: readonly Sendable[], keys: readonly string[]): void {
    if (items.length === 0) return;
    const isFolder = items.some(({ path }) => path.includes('/'));
    if (isFolder || items.length > MAX_SINGLE_FILES) {
      void sendOne(archiveOf(items, isFolder), keys);
      return;
    }
    for (const { file, path, handle = null } of items) {
      const { size: sizeBytes } = file;
      const [name, type] = [cleanFileName(path), cleanType(file.type)];
      void sendOne({ name, type, sizeBytes, handle, file: async () => file, share: 1 }, keys);
    }
  }

  /** Many files as one. Its reading is for the checksums of the files, and then once more for its own. */
  function archiveOf(items: readonly Sendable[], isFolder: boolean): Content {
    const entries = items.map(({ file, path }) => ({
      path: cleanRelativePath(path) || 'file',
      file,
      modifiedMs: file.lastModified,
    }));
    const tops = new Set(entries.map(({ path }) => path.split('/')[0] ?? ''));
    const [top = ''] = tops;
    const share = 0.5;
    return {
      name: cleanFileName(isFolder && tops.size === 1 ? `${top}.zip` : `${items.length} files.zip`),
      type: 'application/zip',
      sizeBytes: entries.reduce((sum, { file }) => sum + file.size, 0),
      handle: null,
      share,
      file(source) {
        const progress = (doneBytes: number) => {
          source.preparedBytes = (1 - share) * doneBytes;
          changed();
        };
        return store.archive(entries, progress, source.life.signal);
      },
    };
  }

  // ---- receiving

  function addIncoming(meta: StoredMeta, peerKey: string, isPicture: boolean): Incoming {
    return list.addIncoming((name) =>
      createIncoming({ name, meta, store, memory, peerKey, isPicture, changed }),
    );
  }

  function offered(session: Session, frame: Extract<SenderFrame, { kind: 'offer' }>): void {
    const id = hex(frame.id);
    const known = offerOf(session.key, id);
    if (
      known &&
      compareBytes(known.meta.root, frame.root) === 0 &&
      known.meta.sizeBytes === frame.sizeBytes
    ) {
      known.bind(session, frame.handle, 'offer');
      return;
    }
    if (known) {
      session.post({ kind: 'stop', handle: frame.handle, reason: 'unknown' });
      session.blame();
      return;
    }
    const admitted = list.admit(session.key);
    if (admitted !== 'room') {
      session.post({ kind: 'stop', handle: frame.handle, reason: 'too-many' });
      session.forget(frame.handle);
      // Somebody may mean to send as many as there is no room for.
      if (admitted === 'too-fast') session.blame();
      return;
    }
    const { name, type, sizeBytes, root } = frame;
    const isPicture =
      PICTURE_TYPES.test(type) &&
      sizeBytes > 0 &&
      sizeBytes <= MAX_PICTURE_BYTES &&
      list.admitsPicture(session.key, sizeBytes);
    const added = addIncoming({ id, root, sizeBytes, name, type }, session.key, isPicture);
    added.bind(session, frame.handle, 'offer');
    if (isPicture) added.accept('memory');
  }

  /** What the person of this key offered under this id: others may use it too, who were offered the same file. */
  function offerOf(peerKey: string, id: string): Incoming | undefined {
    return [...incoming.values()].find((one) => one.meta.id === id && one.peerKey() === peerKey);
  }

  async function acceptedBefore(id: string, proof: Uint8Array, from: string): Promise<Incoming | null> {
    for (const one of [...incoming.values()]) {
      if (one.meta.id !== id || !one.isAccepted()) continue;
      if (compareBytes(await seekProof(one.meta.root, from, ownKey()), proof) === 0) return one;
    }
    return null;
  }

  async function answerSeek(
    session: Session,
    { id: idBytes, proof, handle }: Extract<SenderFrame, { kind: 'seek' }>,
  ): Promise<void> {
    const id = hex(idBytes);
    const from = session.key;
    const count = (seeks.get(session) ?? 0) + 1;
    seeks.set(session, count);
    let known = await acceptedBefore(id, proof, from);
    if (!known && count <= MAX_SEEKS) {
      const meta = await store.find({ id, proof, from, to: ownKey() });
      // Two links may ask at once; the first answer makes the transfer that the second finds.
      known = await acceptedBefore(id, proof, from);
      if (meta && !known && !session.signal.aborted) {
        known = addIncoming(meta, from, false);
        known.accept('private');
      }
    }
    if (session.signal.aborted) return;
    if (known) known.bind(session, handle, 'seek');
    else {
      session.post({ kind: 'stop', handle, reason: 'unknown' });
      session.forget(handle);
    }
  }

  // ---- life

  async function restore(): Promise<void> {
    const [all, tag] = await Promise.all([listUnfinished(), room]);
    const sends = all.filter((send) => send.room === tag);
    if (scope.signal.aborted) return;
    for (const send of sends) {
      if ([...outgoing.values()].some((one) => one.source.idText === send.id)) continue;
      const source = sourceOf(send);
      scope.onClose(() => source.life.abort());
      const claimed = claimSend(send.id, source.life.signal, source.file !== null);
      if (source.file || (await claimed))
        for (let count = 0; count < send.receivers; count += 1) addOutgoing(source, '', true);
      if (scope.signal.aborted) return;
    }
    for (const session of sessions) proposeAll(session);
    changed();
    const nothingKept = await store.swept;
    if (nothingKept && all.length === 0 && list.isEmpty()) setLeftBehind(false);
  }

  async function provide(one: Outgoing, given: File | null): Promise<void> {
    const { source } = one;
    one.setProblem(null);
    const file = given ?? (await fileOf(source.handle));
    // It may have been given, or cancelled, while the browser asked.
    if (one.state() !== 'needs-file') return;
    if (!file) {
      source.handle = null;
      one.setProblem('unreadable');
      return;
    }
    if (file.size !== source.sizeBytes) {
      one.setProblem('another-file');
      return;
    }
    const isReady = await prepare(source, file);
    if (isOver(one)) return;
    if (
      !isReady ||
      !source.prepared ||
      !source.expected ||
      compareBytes(source.prepared.root, source.expected)
    ) {
      source.file = null;
      source.prepared = null;
      one.setProblem(isReady ? 'another-file' : 'unreadable');
      return;
    }
    remember(source);
    for (const session of sessions) proposeAll(session);
    changed();
  }

  scope.onClose(() => {
    // What was received in the last moment can still be saved.
    list.tell();
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
          else if (frame.kind === 'seek') void answerSeek(session, frame);
          else offerOf(port.key, hex(frame.id))?.withdrawn('person');
        },
        refused() {
          for (const one of incoming.values()) if (one.peerKey() === port.key) one.end('refused');
          for (const one of outgoing.values()) if (one.peerKey() === port.key) one.end('refused');
        },
      });
      sessions.add(session);
      sought.set(session, new Set());
      port.signal.addEventListener(
        'abort',
        () => {
          sessions.delete(session);
          seeks.delete(session);
          sought.delete(session);
          for (const one of incoming.values()) one.linkLost(session);
          for (const one of outgoing.values()) {
            one.linkLost(session);
            if (!sessionOf(session.key) && one.source.newcomers.delete(session.key)) changed();
          }
          // Whoever had it may be here again, and was taken for somebody else as long as this link seemed to carry it.
          if (!scope.signal.aborted) for (const other of sessions) proposeAll(other);
        },
        { once: true },
      );
      proposeAll(session);
      return take;
    },
    present(keys) {
      const isGone = (key: string) => key !== '' && !keys.has(key) && !sessionOf(key);
      for (const one of outgoing.values())
        if (isGone(one.peerKey()) && (one.state() === 'preparing' || one.state() === 'offered'))
          takeBack(one, 'left');
      for (const one of incoming.values())
        if (isGone(one.peerKey()) && one.state() === 'offered') one.end('left');
    },
    send,
    offerInstead(id, key) {
      const one = outgoing.get(id);
      const session = sessionOf(key);
      if (!session || one?.state() !== 'waiting' || !one.source.newcomers.delete(key)) return;
      // First this, then that: a file that nobody is to receive is let go of.
      const added = addOutgoing(one.source, key, false);
      takeBack(one, 'here');
      list.drop(id);
      void propose(session, added, 'offer');
    },
    accept(id, place) {
      const one = incoming.get(id);
      if (!one) return;
      if (place === 'private') setLeftBehind(true);
      one.accept(place);
    },
    setPaused: (id, paused) => (outgoing.get(id) ?? incoming.get(id))?.setPaused(paused),
    cancel(id) {
      const sent = outgoing.get(id);
      if (sent) takeBack(sent, 'here');
      incoming.get(id)?.end('here');
    },
    saved: (id) => incoming.get(id)?.saved(),
    dismiss(id) {
      const one = outgoing.get(id) ?? incoming.get(id);
      if (one && isOver(one)) list.drop(id);
    },
    release() {
      for (const one of incoming.values()) one.discard();
    },
    provide(id, file) {
      const one = outgoing.get(id);
      if (one?.state() === 'needs-file') void provide(one, file);
    },
  };
}

/** Clears away, without a call, what is old of what earlier pages left behind. */
export async function clearLeftBehind(): Promise<void> {
  const store = createFileStore();
  const [nothingKept, sends] = await Promise.all([store.swept, listUnfinished()]);
  store.close();
  if (nothingKept && sends.length === 0) setLeftBehind(false);
}

function sourceOf({ id, root, name, type, sizeBytes, handle }: UnfinishedSend): Source {
  const recalled = recallFile(id);
  return {
    id: Uint8Array.from(id.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    idText: id,
    name,
    type,
    sizeBytes,
    file: recalled?.file ?? null,
    handle,
    expected: root,
    prepared: recalled?.prepared ?? null,
    preparedBytes: 0,
    newcomers: new Set(),
    life: new AbortController(),
  };
}

/** Chromium's, where a page that was reloaded may read a file again once the person allows it (File System Access s2.3). */
interface AskingHandle extends FileSystemFileHandle {
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
}

/** Asks the person, in the browser's words, when it must. Null when it cannot be had. */
async function fileOf(handle: AskingHandle | null): Promise<File | null> {
  try {
    await handle?.requestPermission?.({ mode: 'read' });
    return (await handle?.getFile()) ?? null;
  } catch {
    return null;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
