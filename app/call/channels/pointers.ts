/**
 * Pointers over shared screens: sends the own one to everybody, keeps the newest of each peer, and holds to what sharers
 * allow. Owns pace and lifetimes of pointers; knows no pixels and draws nothing.
 *
 * Nothing runs and nothing is sent while nobody points. While somebody does, the newest position goes out at most once a
 * frame of the display, and a resting pointer says now and then that it is still there: frames may be lost, also the last.
 */
import { decodeBase64Url } from '../../crypto/base64url.ts';
import { decodePointer, encodePointer, isLater, type PointerFrame } from '../../wire/pointer.ts';
import { createSubject, type Observable } from '../observable.ts';
import { createTokenBucket, type TokenBucket } from '../token-bucket.ts';
import type { CallFeature, LinkPort } from './link-port.ts';

/** Where a pointer is in the shared picture: 0 to 1 from its top left corner. */
export interface PointerMove {
  readonly x: number;
  readonly y: number;
  /** Moves of one number are one line; null while nothing is drawn. */
  readonly stroke: number | null;
}

/** `from` is the member key of who points, null for this person; `move` is null when the pointer is gone. */
export type PointerListener = (from: string | null, move: PointerMove | null) => void;

export interface PointersSnapshot {
  /** Whether the others may point at this person's screen. */
  readonly allowed: boolean;
  /** Member keys of those who let nobody point at theirs. */
  readonly closed: ReadonlySet<string>;
}

export interface Pointers extends Observable<PointersSnapshot> {
  /** The member key others know this person by. */
  ownKey(): string;
  /** Points at the screen of `sharer`, null for the own one. x and y from 0 to 1. Nothing where the sharer does not allow it. */
  point(sharer: string | null, x: number, y: number, pressed: boolean): void;
  hide(): void;
  setAllowed(allowed: boolean): void;
  /** Calls `listener` for every pointer at the screen of `sharer`, those there are now at once. Returns the function that ends it. */
  watch(sharer: string | null, listener: PointerListener): () => void;
}

export interface PointersFeature {
  readonly face: Pointers;
  readonly feature: CallFeature;
  close(): void;
}

/** What the page gives; tests bring their own. */
export interface PointersEnvironment {
  /** Calls `run` once, before the display's next frame. */
  nextFrame(run: () => void): void;
  now(): number;
}

/** How often a resting pointer says that it is there, and how long one is believed that does not. */
const STILL_HERE_MS = 2_000;
const BELIEVED_MS = 5_000;
/** The frame that hides a pointer is sent twice, so far apart that one loss seldom takes both. */
const HIDE_AGAIN_MS = 300;
/** A channel that has not sent this much yet is given no more: the position would be old when it leaves. */
const MAX_BUFFERED_BYTES = 1_024;
/** Frames looked at: more than any display has in a second, with room for a network that bunches them. */
const PEER_BURST = 240;
const PEER_INTERVAL_MS = 4;
/** Of what is dropped for coming too fast. Past this the peer is let go. */
const EXCESS_BURST = 4_000;
const EXCESS_INTERVAL_MS = 2;
/** Changes of mind of a sharer, links that came up again counted in. */
const POLICY_BURST = 60;
const POLICY_INTERVAL_MS = 500;

interface Peer {
  readonly port: LinkPort;
  readonly pace: TokenBucket;
  readonly excess: TokenBucket;
  readonly policies: TokenBucket;
  /** Number of the newest frame; null before the first, and after a silence that ended what it was compared with. */
  newest: number | null;
  current: PointerFrame | null;
  heardAtMs: number;
  timer: ReturnType<typeof setTimeout> | null;
}

interface Watcher {
  readonly target: number;
  readonly listener: PointerListener;
}

interface Own {
  readonly sharer: string | null;
  readonly x: number;
  readonly y: number;
  readonly pressed: boolean;
}

const PAGE: PointersEnvironment = {
  nextFrame: (run) => void requestAnimationFrame(run),
  now: () => performance.now(),
};

/** `ownKey` is the member key the others know this person by. */
export function createPointers(ownKey: () => string, environment = PAGE): PointersFeature {
  const subject = createSubject<PointersSnapshot>({ allowed: true, closed: new Set() });
  const peers = new Map<LinkPort, Peer>();
  const watchers = new Set<Watcher>();
  let own: Own | null = null;
  let sequence = 0;
  let stroke = 0;
  /** What was not sent yet, because this frame of the display had its turn. */
  let unsent = false;
  let waiting = false;
  let stillHere: ReturnType<typeof setInterval> | null = null;
  let hideAgain: ReturnType<typeof setTimeout> | null = null;
  let policyTold = false;

  const tagOf = (sharer: string | null) => memberTag(sharer ?? ownKey());

  function tell(target: number, from: string | null, move: PointerMove | null): void {
    for (const watcher of [...watchers]) if (watcher.target === target) watcher.listener(from, move);
  }

  /** Whether whoever is meant by `target` lets people point; a sharer unknown here has not said otherwise. */
  function isAllowed(target: number): boolean {
    const { allowed, closed } = subject.snapshot();
    if (!allowed && target === tagOf(null)) return false;
    for (const key of closed) if (memberTag(key) === target) return false;
    return true;
  }

  function frameOf({ sharer, x, y, pressed }: Own, shown: boolean): Uint8Array<ArrayBuffer> {
    sequence = (sequence + 1) & 0xffff;
    return encodePointer({ shown, pressed: shown && pressed, sequence, target: tagOf(sharer), x, y, stroke });
  }

  function send(bytes: Uint8Array<ArrayBuffer>, port?: LinkPort): void {
    for (const { channels } of port ? [port] : peers.keys()) {
      const { pointer } = channels;
      if (pointer.readyState !== 'open' || pointer.bufferedAmount > MAX_BUFFERED_BYTES) continue;
      try {
        pointer.send(bytes);
      } catch {
        // It began to close between the check and the call.
      }
    }
  }

  /** Sends at once if this frame of the display had nothing yet, else with the next one, and then only the newest. */
  function sendSoon(): void {
    unsent = true;
    if (waiting) return;
    flush();
    waiting = true;
    environment.nextFrame(turn);
  }

  function turn(): void {
    waiting = false;
    if (unsent) sendSoon();
  }

  function flush(): void {
    unsent = false;
    if (own) send(frameOf(own, true));
  }

  function stopTimers(): void {
    if (stillHere !== null) clearInterval(stillHere);
    if (hideAgain !== null) clearTimeout(hideAgain);
    stillHere = null;
    hideAgain = null;
  }

  function hide(): void {
    if (!own) return;
    const last = own;
    own = null;
    unsent = false;
    stopTimers();
    send(frameOf(last, false));
    hideAgain = setTimeout(() => send(frameOf(last, false)), HIDE_AGAIN_MS);
    tell(tagOf(last.sharer), null, null);
  }

  function forget(peer: Peer): void {
    if (peer.timer !== null) clearTimeout(peer.timer);
    peer.timer = null;
    const { current } = peer;
    peer.current = null;
    if (current) tell(current.target, peer.port.key, null);
  }

  /** One timer a pointer, however often it moves. */
  function doubt(peer: Peer): void {
    const leftMs = peer.heardAtMs + BELIEVED_MS - environment.now();
    if (leftMs > 0) {
      peer.timer = setTimeout(() => doubt(peer), leftMs);
      return;
    }
    forget(peer);
    peer.newest = null;
  }

  function receive(peer: Peer, bytes: ArrayBuffer): void {
    if (!peer.pace.take()) {
      if (!peer.excess.take()) peer.port.refuse();
      return;
    }
    const frame = decodePointer(bytes);
    if (!frame || (peer.newest !== null && !isLater(frame.sequence, peer.newest))) return;
    peer.newest = frame.sequence;
    if (peer.current && (!frame.shown || peer.current.target !== frame.target)) forget(peer);
    if (!frame.shown || !isAllowed(frame.target)) return;
    peer.current = frame;
    peer.heardAtMs = environment.now();
    if (peer.timer === null) doubt(peer);
    tell(frame.target, peer.port.key, moveOf(frame));
  }

  /** Takes down what is at screens that are closed now. */
  function enforce(): void {
    for (const peer of peers.values()) if (peer.current && !isAllowed(peer.current.target)) forget(peer);
    if (own && !isAllowed(tagOf(own.sharer))) hide();
  }

  function setClosed(key: string, closed: boolean): void {
    const { closed: before, allowed } = subject.snapshot();
    if (before.has(key) === closed) return;
    const after = new Set(before);
    if (closed) after.add(key);
    else after.delete(key);
    subject.set({ allowed, closed: after });
    enforce();
  }

  return {
    face: {
      snapshot: subject.snapshot,
      subscribe: subject.subscribe,
      ownKey,
      point(sharer, x, y, pressed) {
        const target = tagOf(sharer);
        if (!isAllowed(target)) return;
        if (own && own.sharer !== sharer) hide();
        if (pressed && !own?.pressed) stroke = (stroke + 1) & 0xff;
        own = { sharer, x, y, pressed };
        if (hideAgain !== null) clearTimeout(hideAgain);
        hideAgain = null;
        stillHere ??= setInterval(sendSoon, STILL_HERE_MS);
        sendSoon();
        tell(target, null, { x, y, stroke: pressed ? stroke : null });
      },
      hide,
      setAllowed(allowed) {
        const before = subject.snapshot();
        if (before.allowed === allowed) return;
        subject.set({ ...before, allowed });
        policyTold = true;
        for (const port of peers.keys()) port.sendControl({ kind: 'pointer-policy', allowed });
        enforce();
      },
      watch(sharer, listener) {
        const target = tagOf(sharer);
        const watcher = { target, listener };
        watchers.add(watcher);
        for (const { current, port } of peers.values())
          if (current?.target === target) listener(port.key, moveOf(current));
        if (own && tagOf(own.sharer) === target)
          listener(null, { x: own.x, y: own.y, stroke: own.pressed ? stroke : null });
        return () => watchers.delete(watcher);
      },
    },
    feature: {
      linkUp(port) {
        const { now } = environment;
        const peer: Peer = {
          port,
          pace: createTokenBucket(PEER_BURST, PEER_INTERVAL_MS, now),
          excess: createTokenBucket(EXCESS_BURST, EXCESS_INTERVAL_MS, now),
          policies: createTokenBucket(POLICY_BURST, POLICY_INTERVAL_MS, now),
          newest: null,
          current: null,
          heardAtMs: 0,
          timer: null,
        };
        peers.set(port, peer);
        port.signal.addEventListener('abort', () => {
          peers.delete(port);
          forget(peer);
        });
        port.receive('pointer', (bytes) => receive(peer, bytes));
        if (policyTold) port.sendControl({ kind: 'pointer-policy', allowed: subject.snapshot().allowed });
        // Whoever comes while somebody rests on a spot sees it too.
        if (own) send(frameOf(own, true), port);
      },
      control(port, frame) {
        if (frame.kind !== 'pointer-policy') return;
        if (peers.get(port)?.policies.take()) setClosed(port.key, !frame.allowed);
        else port.refuse();
      },
      present(keys) {
        for (const key of subject.snapshot().closed) if (!keys.has(key)) setClosed(key, false);
      },
    },
    close() {
      stopTimers();
      own = null;
      unsent = false;
    },
  };
}

function moveOf({ x, y, pressed, stroke }: PointerFrame): PointerMove {
  return { x, y, stroke: pressed ? stroke : null };
}

/** The first four bytes of a member key, as a number. Two people of one call who share them are pointed at together. */
function memberTag(key: string): number {
  const bytes = decodeBase64Url(key.slice(0, 8));
  return bytes && bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0;
}
