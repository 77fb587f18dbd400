/**
 * The transfers of a call in the order of their beginning: how many one person may put there, which are forgotten first, and
 * when the screen is told. Owns the list; moves no byte and knows no link.
 *
 * Others fill it, so nothing is taken off to make room that this person would miss: what was received and not saved stays.
 */
import { createTokenBucket, type TokenBucket } from '../token-bucket.ts';
import type { TransferSnapshot } from './files-types.ts';
import type { Incoming } from './incoming.ts';
import type { Outgoing } from './outgoing.ts';

export interface TransferList {
  /** Both by the name of the transfer on this page. */
  readonly outgoing: ReadonlyMap<string, Outgoing>;
  readonly incoming: ReadonlyMap<string, Incoming>;
  addOutgoing(make: (name: string) => Outgoing): Outgoing;
  addIncoming(make: (name: string) => Incoming): Incoming;
  isEmpty(): boolean;
  /** Forgets it, and what was received with it. */
  drop(name: string): void;
  /** Counts one more offer of this person. More than there is room for are answered; too many are no accident. */
  admit(peerKey: string): 'room' | 'no-room' | 'too-fast';
  /** Whether a picture of theirs is taken without a question. */
  admitsPicture(peerKey: string, sizeBytes: number): boolean;
  /** The screen is told soon. Of bytes that come and go it is told each second while any do, and need not be. */
  changed(): void;
  /** Tells the screen now what it would be told soon. */
  tell(): void;
}

/** Transfers listed, those that are over among them. */
const MAX_LISTED = 300;
/** Offers and transfers of one person that are not over. */
const MAX_OPEN = 32;
/** Offers of one person that ended before anybody here wanted them. */
const MAX_UNWANTED = 8;
/** Offers that are new, of one person: as many at once as nobody makes by hand. */
const OFFER_BURST = 128;
const OFFER_MS = 5_000;
/** Pictures that are taken without a question: of one person, and of all in bytes, whatever number of people they come as. */
const PICTURE_BURST = 6;
const PICTURE_MS = 10_000;
const MAX_PICTURES = 24;
const MAX_PICTURES_BYTES = 64 * 1024 * 1024;
const TELL_MS = 100;
const METER_MS = 1_000;

export function createTransferList(tellAll: (list: readonly TransferSnapshot[]) => void): TransferList {
  const outgoing = new Map<string, Outgoing>();
  const incoming = new Map<string, Incoming>();
  const order: string[] = [];
  /** By person. There are no more than the call ever looks at. */
  const offers = new Map<string, TokenBucket>();
  const pictures = new Map<string, TokenBucket>();
  let nextName = 1;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let later: ReturnType<typeof setTimeout> | undefined;

  function changed(): void {
    soon ??= setTimeout(tell, TELL_MS);
  }

  function tell(): void {
    clearTimeout(soon);
    clearTimeout(later);
    soon = undefined;
    const list = order.flatMap((name) => (outgoing.get(name) ?? incoming.get(name))?.snapshot() ?? []);
    tellAll(list);
    // More is there, or the speed falls.
    if (list.some(({ state }) => state === 'going')) later = setTimeout(tell, METER_MS);
  }

  function list(name: string): void {
    order.push(name);
    if (order.length <= MAX_LISTED) return;
    const over = order.find((entry) => {
      const one = outgoing.get(entry) ?? incoming.get(entry);
      return one && isOver(one) && !incoming.get(entry)?.isUnsaved();
    });
    if (over !== undefined) drop(over);
  }

  function drop(name: string): void {
    incoming.get(name)?.discard();
    incoming.delete(name);
    outgoing.delete(name);
    order.splice(order.indexOf(name), 1);
    changed();
  }

  /** So that whoever offers and takes back again and again leaves a few cards, and none of anybody else's goes for them. */
  function forgetUnwanted(peerKey: string): void {
    const unwanted = [...incoming].filter(
      ([, one]) => one.peerKey() === peerKey && one.state() === 'ended' && !one.isWanted(),
    );
    for (const [name] of unwanted.slice(0, -MAX_UNWANTED)) drop(name);
  }

  return {
    outgoing,
    incoming,
    addOutgoing(make) {
      const name = `file-${nextName++}`;
      const added = make(name);
      outgoing.set(name, added);
      list(name);
      return added;
    },
    addIncoming(make) {
      const name = `file-${nextName++}`;
      const added = make(name);
      incoming.set(name, added);
      list(name);
      forgetUnwanted(added.peerKey());
      return added;
    },
    isEmpty: () => order.length === 0,
    drop,
    admit(peerKey) {
      if (!bucketOf(offers, peerKey, OFFER_BURST, OFFER_MS).take()) return 'too-fast';
      const open = [...incoming.values()].filter((one) => one.peerKey() === peerKey && !isOver(one));
      return open.length < MAX_OPEN ? 'room' : 'no-room';
    },
    admitsPicture(peerKey, sizeBytes) {
      const held = [...incoming.values()].filter((one) => one.isPicture && one.state() !== 'ended');
      const heldBytes = held.reduce((sum, { meta }) => sum + meta.sizeBytes, sizeBytes);
      return (
        held.filter((one) => one.peerKey() === peerKey).length < MAX_PICTURES &&
        heldBytes <= MAX_PICTURES_BYTES &&
        bucketOf(pictures, peerKey, PICTURE_BURST, PICTURE_MS).take()
      );
    },
    changed,
    tell,
  };
}

export function isOver(one: Outgoing | Incoming): boolean {
  return one.state() === 'done' || one.state() === 'ended';
}

function bucketOf(
  buckets: Map<string, TokenBucket>,
  peerKey: string,
  burst: number,
  intervalMs: number,
): TokenBucket {
  const bucket = buckets.get(peerKey) ?? createTokenBucket(burst, intervalMs);
  buckets.set(peerKey, bucket);
  return bucket;
}
