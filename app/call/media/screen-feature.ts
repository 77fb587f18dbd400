/**
 * Tells the others that a screen is shared, and knows of each of them whether they share theirs. The media itself goes over
 * transceivers of its own. Owns what peers said last; knows no track of theirs.
 */
import type { CallFeature, LinkPort } from '../channels/link-port.ts';
import type { OwnScreen, PeerScreen, ScreenSource } from './screen-types.ts';

export interface ScreenFeature extends CallFeature {
  /** What the peer said last; null when they share nothing. */
  of(peerKey: string): PeerScreen | null;
  /** The own screen changed: whoever must know is told. */
  announce(): void;
}

/** `changed`: a peer began, changed or ended a share. */
export function createScreenFeature(
  source: Pick<ScreenSource, 'snapshot'>,
  changed: () => void,
): ScreenFeature {
  const ports = new Set<LinkPort>();
  const screens = new Map<string, PeerScreen>();
  let told = stateOf({ state: 'off', problem: null });

  return {
    linkUp(port) {
      ports.add(port);
      port.signal.addEventListener('abort', () => ports.delete(port));
      // Kept while a link is mended, so that a screen does not come and go; but what is said on a new one is the truth.
      if (screens.delete(port.key)) changed();
      if (told.sharing) port.sendControl(told);
    },
    control(port, frame) {
      if (frame.kind !== 'screen-state') return;
      if (frame.sharing) screens.set(port.key, { sound: frame.sound, held: frame.held });
      else screens.delete(port.key);
      changed();
    },
    of: (peerKey) => screens.get(peerKey) ?? null,
    announce() {
      const next = stateOf(source.snapshot());
      if (next.sharing === told.sharing && next.sound === told.sound && next.held === told.held) return;
      told = next;
      for (const port of ports) port.sendControl(next);
    },
  };
}

function stateOf(own: OwnScreen) {
  const sharing = own.state === 'sharing';
  return {
    kind: 'screen-state',
    sharing,
    sound: sharing && own.tracks.audio !== null,
    held: sharing && own.held,
  } as const;
}
