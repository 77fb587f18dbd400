/**
 * Raised hands and reactions as signals, and what of them is worth announcing. Owns how long a reaction is shown; knows no
 * emoji and no words.
 */
import { type Accessor, createSignal, onCleanup } from 'solid-js';
import type { Call } from '../call/call-types.ts';
import type { Notices } from './notices.ts';

/** One reaction while it is shown. `key` is null for this person; `reaction` the number it has on the wire. */
export interface ShownReaction {
  readonly id: number;
  readonly key: string | null;
  readonly reaction: number;
}

export interface GesturesModel {
  /** The place of a raised hand in the queue, from 1; 0 while it is down. The own one for null. */
  place(key: string | null): number;
  /** What is too often is announced as such, and not done. */
  toggleHand(): void;
  react(reaction: number): void;
  readonly reactions: Accessor<readonly ShownReaction[]>;
}

/** As long as the stylesheet lets it float. */
const SHOWN_MS = 3_000;
/** Over all tiles together: what a room of people can do at once without making anybody's page work. */
const MAX_SHOWN = 24;
/** The same from the same person is announced once in this time. */
const QUIET_MS = 5_000;

/** Needs a Solid owner; does not own `call`. */
export function createGesturesModel(
  call: Pick<Call, 'hands' | 'reactions' | 'snapshot'>,
  notices: Pick<Notices, 'post'>,
): GesturesModel {
  const [queue, setQueue] = createSignal(call.hands.snapshot());
  const [reactions, setReactions] = createSignal<readonly ShownReaction[]>([]);
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const announced = new Map<string, number>();
  let nextId = 1;

  const peerOf = (key: string) => call.snapshot().peers.find((peer) => peer.key === key);

  onCleanup(
    call.hands.subscribe(() => {
      const before = queue();
      const after = call.hands.snapshot();
      setQueue(after);
      after.forEach((key, index) => {
        if (before.includes(key)) return;
        if (key === null) notices.post({ kind: 'own-hand-raised', name: '', detail: index + 1, quiet: true });
        else
          notices.post({
            kind: 'hand-raised',
            name: peerOf(key)?.name ?? '',
            detail: index + 1,
            about: `hand ${key}`,
          });
      });
      for (const key of before) {
        const peer = key === null ? null : peerOf(key);
        // Who left is announced as such.
        if (peer && !after.includes(key))
          notices.post({ kind: 'hand-lowered', name: peer.name, quiet: true, about: `hand ${key}` });
      }
    }),
  );
  onCleanup(
    call.reactions.listen((key, reaction) => {
      const entry = { id: nextId++, key, reaction };
      setReactions((list) => [...list, entry].slice(-MAX_SHOWN));
      const timer = setTimeout(() => {
        timers.delete(timer);
        setReactions((list) => list.filter((other) => other.id !== entry.id));
      }, SHOWN_MS);
      timers.add(timer);
      if (key !== null && isNews(`${key} ${reaction}`))
        notices.post({ kind: 'reacted', name: peerOf(key)?.name ?? '', detail: reaction, quiet: true });
    }),
  );
  onCleanup(() => {
    for (const timer of timers) clearTimeout(timer);
  });

  /** Whether `what` was not announced lately, and from now on is. */
  function isNews(what: string): boolean {
    const now = performance.now();
    for (const [other, at] of announced) if (now - at >= QUIET_MS) announced.delete(other);
    if (announced.has(what)) return false;
    announced.set(what, now);
    return true;
  }

  function tellIfTooFast(done: boolean): void {
    if (!done) notices.post({ kind: 'own-too-fast', name: '', about: 'too fast' });
  }

  return {
    place: (key) => queue().indexOf(key) + 1,
    toggleHand: () => tellIfTooFast(call.hands.setRaised(!queue().includes(null))),
    react: (reaction) => tellIfTooFast(call.reactions.send(reaction)),
    reactions,
  };
}
