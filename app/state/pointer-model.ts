/**
 * Pointing at shared screens: whether this person does, and who lets them. Positions never pass through here reactively: they
 * go from the engine to what draws them, sixty times a second.
 */
import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js';
import type { Call } from '../call/call-types.ts';
import type { Pointers } from '../call/channels/pointers.ts';
import type { CallStore } from './call-model.ts';
import { coloursOf } from './pointer-colours.ts';
import type { ScreenModel } from './screen-model.ts';

export type { PointerMove } from '../call/channels/pointers.ts';

export interface PointerModel extends Pick<Pointers, 'point' | 'hide' | 'watch'> {
  /** Whether this person's mouse, finger and arrow keys point. */
  readonly pointing: Accessor<boolean>;
  toggle(): void;
  stop(): void;
  /** Whether the others may point at the own screen. */
  readonly allowed: Accessor<boolean>;
  setAllowed(allowed: boolean): void;
  /** Whether the person of this member key lets nobody point at their screen; for null, this person. */
  isClosed(sharer: string | null): boolean;
  /** As `coloursOf` the people of the call; of a member key, or of null for this person. */
  colourOf(key: string | null): number;
  /** Hostile text, and '' for this person and for who is unknown. Not reactive. */
  nameOf(key: string | null): string;
}

/** Needs a Solid owner; does not own `call`. */
export function createPointerModel(
  call: Pick<Call, 'pointers' | 'snapshot'>,
  { view, notices }: Pick<CallStore, 'view' | 'notices'>,
  screen: Pick<ScreenModel, 'state'>,
): PointerModel {
  const { pointers } = call;
  const [policy, setPolicy] = createSignal(pointers.snapshot());
  const [pointing, setPointing] = createSignal(false);
  const colours = createMemo(() => coloursOf([...view.peers.map(({ key }) => key), pointers.ownKey()]));
  const isShared = () =>
    screen.state() === 'sharing' || view.peers.some((peer) => peer.confirmed && peer.screen !== null);

  onCleanup(
    pointers.subscribe(() => {
      const before = policy().closed;
      const now = pointers.snapshot();
      setPolicy(now);
      for (const { key, name } of call.snapshot().peers)
        if (before.has(key) !== now.closed.has(key))
          notices.post({
            kind: now.closed.has(key) ? 'pointers-off' : 'pointers-on',
            name,
            about: `pointers ${key}`,
          });
    }),
  );
  const stop = () => {
    setPointing(false);
    pointers.hide();
  };
  createEffect(on(isShared, (shared) => !shared && stop()));

  return {
    pointing,
    toggle() {
      if (pointing()) stop();
      else if (isShared()) {
        setPointing(true);
        notices.post({ kind: 'own-pointing', name: '', about: 'pointing' });
      } else notices.post({ kind: 'own-nothing-to-point-at', name: '', about: 'pointing' });
    },
    stop,
    point: pointers.point,
    hide: pointers.hide,
    watch: pointers.watch,
    allowed: () => policy().allowed,
    setAllowed: pointers.setAllowed,
    isClosed: (sharer) => (sharer === null ? !policy().allowed : policy().closed.has(sharer)),
    colourOf: (key) => colours().get(key ?? pointers.ownKey()) ?? 0,
    nameOf: (key) => call.snapshot().peers.find((peer) => peer.key === key)?.name ?? '',
  };
}
