/**
 * The shapes of this person's own media: what is wanted, what there is, and why not. Owns no behaviour.
 */
import type { Observable } from '../observable.ts';

export type SourceKind = 'microphone' | 'camera';

/**
 * One source, microphone or camera.
 * - `off`: not wanted. A camera that is off is released (its light goes out); a microphone that is off keeps its
 *   device, if it had it, so that unmuting is instant, and sends nothing.
 * - `starting`: permission or the device is being waited for.
 * - `on`: live.
 * - the rest: wanted, but not to be had, and why. `blocked`: permission refused; `missing`: no such device; `busy`: the
 *   operating system or another program holds it; `insecure`: the page is not a secure context; `failed`: anything else.
 */
export type SourceStatus = 'off' | 'starting' | 'on' | 'blocked' | 'missing' | 'busy' | 'insecure' | 'failed';

export interface SourceSnapshot {
  readonly wanted: boolean;
  readonly status: SourceStatus;
  /** The device chosen by the person, '' for the browser's default. */
  readonly deviceId: string;
}

export interface DeviceInfo {
  readonly deviceId: string;
  /** Empty until permission was given once: `ui` then names it by its number. */
  readonly label: string;
}

export interface LocalMediaSnapshot {
  readonly microphone: SourceSnapshot;
  readonly camera: SourceSnapshot;
  readonly microphones: readonly DeviceInfo[];
  readonly cameras: readonly DeviceInfo[];
  readonly speakers: readonly DeviceInfo[];
  /** '' for the browser's default. */
  readonly speakerId: string;
  /** Live tracks to send, or null. Owned by LocalMedia: nobody else stops them. A muted microphone is null here. */
  readonly microphoneTrack: MediaStreamTrack | null;
  readonly cameraTrack: MediaStreamTrack | null;
}

export interface LocalMedia extends Observable<LocalMediaSnapshot> {
  setWanted(kind: SourceKind, wanted: boolean): void;
  /** Switches devices, at once if the source is on. '' is the browser's default. */
  selectDevice(kind: SourceKind, deviceId: string): void;
  selectSpeaker(deviceId: string): void;
  /** Loudness of the own microphone now, 0 to 1; 0 when there is none. Cheap enough for every animation frame. */
  level(): number;
  /** Stops every track. Idempotent. */
  close(): void;
}
