/**
 * Reactions over confirmed links: a number to everybody who is linked now, and nothing kept. Owns the pace of both
 * directions; what a number looks like is `ui`'s.
 */
import { createTokenBucket, type TokenBucket } from '../token-bucket.ts';
import type { CallFeature, LinkPort } from './link-port.ts';

export interface Reactions {
  /** False when there were too many just now: nothing was sent. */
  send(reaction: number): boolean;
  /** Called with the member key of who reacted, null for this person. Returns the function that ends it. */
  listen(listener: (key: string | null, reaction: number) => void): () => void;
}

/** A few at once, then one in so many milliseconds; a peer's are measured with room for a network that bunches them. */
const OWN_BURST = 5;
const OWN_INTERVAL_MS = 800;
const PEER_BURST = 8;
const PEER_INTERVAL_MS = 700;
/** Of what is dropped for coming too fast. Past this the peer is let go. */
const EXCESS_BURST = 100;
const EXCESS_INTERVAL_MS = 500;

interface Pace {
  readonly shown: TokenBucket;
  readonly excess: TokenBucket;
}

export function createReactions(now?: () => number): {
  readonly face: Reactions;
  readonly feature: CallFeature;
} {
  const own = createTokenBucket(OWN_BURST, OWN_INTERVAL_MS, now);
  const listeners = new Set<(key: string | null, reaction: number) => void>();
  const ports = new Map<LinkPort, Pace>();
  const show = (key: string | null, reaction: number) => {
    for (const listener of [...listeners]) listener(key, reaction);
  };
  return {
    face: {
      send(reaction) {
        if (!own.take()) return false;
        for (const port of ports.keys()) port.sendControl({ kind: 'reaction', reaction });
        show(null, reaction);
        return true;
      },
      listen(listener) {
        const entry = (key: string | null, reaction: number) => listener(key, reaction);
        listeners.add(entry);
        return () => listeners.delete(entry);
      },
    },
    feature: {
      linkUp(port) {
        ports.set(port, {
          shown: createTokenBucket(PEER_BURST, PEER_INTERVAL_MS, now),
          excess: createTokenBucket(EXCESS_BURST, EXCESS_INTERVAL_MS, now),
        });
        port.signal.addEventListener('abort', () => ports.delete(port));
      },
      control(port, frame) {
        if (frame.kind !== 'reaction') return;
        const pace = ports.get(port);
        if (pace?.shown.take()) show(port.key, frame.reaction);
        else if (!pace?.excess.take()) port.refuse();
      },
    },
  };
}
