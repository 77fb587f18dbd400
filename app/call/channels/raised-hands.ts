/**
 * Raised hands over confirmed links: tells everybody of the own one, also whoever comes later, and takes in theirs. Owns
 * the queue and its pace; what order means is the queue's.
 */
import { createSubject, type Observable } from '../observable.ts';
import { createTokenBucket, type TokenBucket } from '../token-bucket.ts';
import { createHandQueue } from './hands.ts';
import type { CallFeature, LinkPort } from './link-port.ts';

/** Raised hands, first in the queue first: member keys, null for the own one. */
export type HandsSnapshot = readonly (string | null)[];

export interface RaisedHands extends Observable<HandsSnapshot> {
  /** False when hands went up and down too often just now: nothing happened. */
  setRaised(raised: boolean): boolean;
}

export interface RaisedHandsFeature {
  readonly face: RaisedHands;
  readonly feature: CallFeature;
}

/** The own hand: a few at once, then one in so many milliseconds. */
const OWN_BURST = 8;
const OWN_INTERVAL_MS = 1_000;
/** Of a peer, links that came up again counted in. An honest peer never comes near; one that does is let go. */
const PEER_BURST = 60;
const PEER_INTERVAL_MS = 500;

/** `ownKey` is the member key the others know this person by. */
export function createRaisedHands(ownKey: () => string): RaisedHandsFeature {
  const queue = createHandQueue();
  const subject = createSubject<HandsSnapshot>([]);
  const pace = createTokenBucket(OWN_BURST, OWN_INTERVAL_MS);
  const ports = new Map<LinkPort, TokenBucket>();
  let told = false;

  const tell = (port: LinkPort) => port.sendControl({ kind: 'hand', stamp: queue.own() });
  const publish = () => subject.set(queue.order(ownKey()));

  return {
    face: {
      snapshot: subject.snapshot,
      subscribe: subject.subscribe,
      setRaised(raised) {
        if (raised === (queue.own() !== 0)) return true;
        if (!pace.take()) return false;
        if (raised) queue.raise();
        else queue.lower();
        told = true;
        for (const port of ports.keys()) tell(port);
        publish();
        return true;
      },
    },
    feature: {
      linkUp(port) {
        ports.set(port, createTokenBucket(PEER_BURST, PEER_INTERVAL_MS));
        port.signal.addEventListener('abort', () => ports.delete(port));
        // Also that it is down: it may have gone down while there was no link to say so over.
        if (told) tell(port);
      },
      control(port, frame) {
        if (frame.kind !== 'hand') return;
        if (!ports.get(port)?.take()) port.refuse();
        else if (queue.take(port.key, frame.stamp)) publish();
      },
      present(keys) {
        // Who left has no hand.
        if (queue.retain(keys)) publish();
      },
    },
  };
}
