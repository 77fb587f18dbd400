/**
 * This person's media as signals. Owns the adaptation and remembers chosen devices; must not touch a device itself.
 */
import { type Accessor, createMemo, createSignal, onCleanup } from 'solid-js';
import type { DeviceInfo, LocalMedia, SourceKind, SourceSnapshot } from '../call/media/media-types.ts';
import type { PreferenceStore } from './preferences.ts';

export type { SourceKind, SourceStatus } from '../call/media/media-types.ts';

export type DeviceKind = SourceKind | 'speaker';

export interface MediaModel {
  source(kind: SourceKind): SourceSnapshot;
  devices(kind: DeviceKind): readonly DeviceInfo[];
  selected(kind: DeviceKind): string;
  /** The own camera picture without sound, or null. A new object for every new track. */
  readonly selfStream: Accessor<MediaStream | null>;
  setWanted(kind: SourceKind, wanted: boolean): void;
  toggle(kind: SourceKind): void;
  /** Asks for a source again that was wanted and could not be had. */
  tryAgain(kind: SourceKind): void;
  select(kind: DeviceKind, deviceId: string): void;
  /** Loudness of the own microphone now, 0 to 1. Not reactive. */
  level(): number;
}

/** Needs a Solid owner; does not own `media`. */
export function createMediaModel(media: LocalMedia, preferences: PreferenceStore): MediaModel {
  const [snapshot, setSnapshot] = createSignal(media.snapshot());
  onCleanup(media.subscribe(() => setSnapshot(media.snapshot())));

  const microphone = createMemo(() => snapshot().microphone, undefined, { equals: sameSource });
  const camera = createMemo(() => snapshot().camera, undefined, { equals: sameSource });
  const microphones = createMemo(() => snapshot().microphones, undefined, { equals: sameDevices });
  const cameras = createMemo(() => snapshot().cameras, undefined, { equals: sameDevices });
  const speakers = createMemo(() => snapshot().speakers, undefined, { equals: sameDevices });
  const speakerId = createMemo(() => snapshot().speakerId);
  const cameraTrack = createMemo(() => snapshot().cameraTrack);
  const selfStream = createMemo(() => {
    const track = cameraTrack();
    return track ? new MediaStream([track]) : null;
  });

  const source = (kind: SourceKind) => (kind === 'microphone' ? microphone() : camera());
  return {
    source,
    devices: (kind) => (kind === 'microphone' ? microphones() : kind === 'camera' ? cameras() : speakers()),
    selected: (kind) => (kind === 'speaker' ? speakerId() : source(kind).deviceId),
    selfStream,
    setWanted: (kind, wanted) => media.setWanted(kind, wanted),
    toggle: (kind) => media.setWanted(kind, !media.snapshot()[kind].wanted),
    tryAgain(kind) {
      media.setWanted(kind, false);
      media.setWanted(kind, true);
    },
    select(kind, deviceId) {
      if (kind === 'speaker') {
        preferences.update({ speakerId: deviceId });
        media.selectSpeaker(deviceId);
        return;
      }
      preferences.update(kind === 'microphone' ? { microphoneId: deviceId } : { cameraId: deviceId });
      media.selectDevice(kind, deviceId);
    },
    level: () => media.level(),
  };
}

function sameSource(a: SourceSnapshot, b: SourceSnapshot): boolean {
  return a.wanted === b.wanted && a.status === b.status && a.deviceId === b.deviceId;
}

function sameDevices(a: readonly DeviceInfo[], b: readonly DeviceInfo[]): boolean {
  return (
    a.length === b.length &&
    a.every((device, index) => device.deviceId === b[index]?.deviceId && device.label === b[index]?.label)
  );
}
