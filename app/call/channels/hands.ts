/**
 * The queue of raised hands: who is up and in which order, the same for everybody who knows the same hands. Pure: knows no
 * link and no clock but its own.
 *
 * A hand carries a Lamport stamp, one more than the highest its owner had seen; hands are in order of (stamp, member key).
 * So whoever saw a hand go up comes after it everywhere, hands that went up unseen by each other have an order all agree
 * on, and who joins later needs nothing but the hands themselves.
 */
import { MAX_HAND_STAMP } from '../../wire/control.ts';

/**
 * How far one hand may push the next stamp. A call in which so many hands went up before one joined does not exist; and by
 * steps of this size nobody reaches the highest stamp, given the pace that links allow.
 */
export const MAX_STAMP_STEP = 0x1_0000;

export interface HandQueue {
  /** The own stamp, 0 while the hand is down. */
  own(): number;
  raise(): void;
  lower(): void;
  /** Somebody's hand as they tell it: a stamp, or 0. False when nothing is new. */
  take(key: string, stamp: number): boolean;
  /** Lowers the hands of everybody else: they left. False when nothing is new. */
  retain(present: ReadonlySet<string>): boolean;
  /** Member keys, first in the queue first; null stands for the own hand. */
  order(ownKey: string): readonly (string | null)[];
}

export function createHandQueue(): HandQueue {
  const hands = new Map<string, number>();
  let own = 0;
  let highest = 0;
  return {
    own: () => own,
    raise() {
      if (own !== 0) return;
      highest = Math.min(highest + 1, MAX_HAND_STAMP);
      own = highest;
    },
    lower() {
      own = 0;
    },
    take(key, stamp) {
      highest = Math.max(highest, Math.min(stamp, highest + MAX_STAMP_STEP));
      if ((hands.get(key) ?? 0) === stamp) return false;
      if (stamp === 0) hands.delete(key);
      else hands.set(key, stamp);
      return true;
    },
    retain(present) {
      const before = hands.size;
      for (const key of hands.keys()) if (!present.has(key)) hands.delete(key);
      return hands.size !== before;
    },
    order(ownKey) {
      const raised = [...hands].map(([key, stamp]) => ({ key, stamp, shown: key as string | null }));
      if (own !== 0) raised.push({ key: ownKey, stamp: own, shown: null });
      raised.sort((a, b) => a.stamp - b.stamp || (a.key < b.key ? -1 : 1));
      return raised.map(({ shown }) => shown);
    },
  };
}
