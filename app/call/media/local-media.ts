/**
 * This person's own microphone and camera: asks the browser for them, follows devices that come and go, and says why
 * something is not to be had. Owns the tracks; knows nothing of links.
 */
import { createSubject } from '../observable.ts';
import { createLevelMeter } from './level-meter.ts';
import type {
  DeviceInfo,
  LocalMedia,
  LocalMediaSnapshot,
  SourceKind,
  SourceSnapshot,
  SourceStatus,
} from './media-types.ts';

export interface LocalMediaOptions {
  /** Devices chosen earlier; one that is gone gives way to the default. */
  readonly deviceIds?: {
    readonly microphone?: string;
    readonly camera?: string;
    readonly speaker?: string;
  };
  /** What to ask for at once; nothing by default. */
  readonly wanted?: { readonly microphone: boolean; readonly camera: boolean };
}

type Failure = Exclude<SourceStatus, 'off' | 'starting' | 'on'>;

/** A track that ends sooner than this after it began is not replaced: its device is going, not gone. */
const SHORT_LIFE_MS = 1_000;

/** Why `getUserMedia` refused (W3C mediacapture-main s9.2), from what it rejected with. */
export function statusOfError(error: unknown): Failure {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'blocked';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'failed';
  }
}

/** What is asked of a source; `deviceId` '' leaves the choice to the browser. */
export function constraintsOf(kind: SourceKind, deviceId: string): MediaTrackConstraints {
  const device: MediaTrackConstraints = deviceId === '' ? {} : { deviceId: { exact: deviceId } };
  if (kind === 'camera') {
    return { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  }
  return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
}

/** The devices of one kind to choose from, without the browser's aliases for its default, each id once. */
export function devicesOf(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind): DeviceInfo[] {
  const byId = new Map<string, DeviceInfo>();
  for (const device of all) {
    const { deviceId, label } = device;
    if (device.kind !== kind || deviceId === 'default' || deviceId === 'communications') continue;
    if (!byId.has(deviceId)) byId.set(deviceId, { deviceId, label });
  }
  return [...byId.values()];
}

interface Source {
  readonly kind: SourceKind;
  wanted: boolean;
  status: SourceStatus;
  deviceId: string;
  track: MediaStreamTrack | null;
  startedAtMs: number;
  /** The request whose answer counts; the answer to any other comes too late. */
  request: { readonly deviceId: string } | null;
}

/** Asks for what is wanted at once, both in one prompt. Contacts nobody. */
export function createLocalMedia(options: LocalMediaOptions = {}): LocalMedia {
  // Absent in an insecure context, whatever the type says (W3C mediacapture-main s9.1: SecureContext).
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  const meter = createLevelMeter();
  const microphone = createSource('microphone');
  const camera = createSource('camera');
  let microphones: readonly DeviceInfo[] = [];
  let cameras: readonly DeviceInfo[] = [];
  let speakers: readonly DeviceInfo[] = [];
  let speakerId = options.deviceIds?.speaker ?? '';
  let latestRefresh = 0;
  let closed = false;
  const subject = createSubject<LocalMediaSnapshot>(build());

  function createSource(kind: SourceKind): Source {
    return {
      kind,
      wanted: options.wanted?.[kind] ?? false,
      status: 'off',
      deviceId: options.deviceIds?.[kind] ?? '',
      track: null,
      startedAtMs: 0,
      request: null,
    };
  }

  function show({ wanted, status, deviceId }: Source): SourceSnapshot {
    return { wanted, status, deviceId };
  }

  function build(): LocalMediaSnapshot {
    return {
      microphone: show(microphone),
      camera: show(camera),
      microphones,
      cameras,
      speakers,
      speakerId,
      microphoneTrack: microphone.status === 'on' ? microphone.track : null,
      cameraTrack: camera.status === 'on' ? camera.track : null,
    };
  }

  function publish(): void {
    subject.set(build());
  }

  function release(source: Source): void {
    const { track } = source;
    source.track = null;
    track?.stop();
  }

  /** Takes the answer to a request: the track if it is still the one waited for and wanted, else it is stopped. */
  function arrive(source: Source, request: Source['request'], track: MediaStreamTrack | undefined): void {
    if (track === undefined) {
      refuse(source, request, 'failed');
      return;
    }
    if (closed || source.request !== request || !source.wanted) {
      track.stop();
      if (source.request === request) source.request = null;
      return;
    }
    source.request = null;
    source.track = track;
    source.status = 'on';
    source.startedAtMs = performance.now();
    track.addEventListener('ended', () => lost(source, track));
    publish();
  }

  function refuse(source: Source, request: Source['request'], status: Failure): void {
    if (closed || source.request !== request) return;
    source.request = null;
    if (!source.wanted) return;
    source.status = status;
    publish();
  }

  /** The device went away, or the permission: `ended` is not fired for tracks stopped here. */
  function lost(source: Source, track: MediaStreamTrack): void {
    if (closed || source.track !== track) return;
    source.track = null;
    if (!source.wanted) return;
    source.status = 'missing';
    publish();
    if (performance.now() - source.startedAtMs < SHORT_LIFE_MS) return;
    source.deviceId = '';
    void start(source);
  }

  async function open(kind: SourceKind, deviceId: string): Promise<MediaStreamTrack | undefined> {
    const constraints = constraintsOf(kind, deviceId);
    const stream = await devices?.getUserMedia(
      kind === 'camera' ? { video: constraints } : { audio: constraints },
    );
    return stream?.getTracks()[0];
  }

  function begin(source: Source): Source['request'] {
    source.status = 'starting';
    source.request = { deviceId: source.deviceId };
    return source.request;
  }

  async function start(source: Source): Promise<void> {
    if (devices === undefined) {
      source.status = 'insecure';
      publish();
      return;
    }
    if (source.request?.deviceId === source.deviceId) {
      // Wanted again before the answer came: the prompt still open is the one to answer.
      source.status = 'starting';
      publish();
      return;
    }
    const request = begin(source);
    publish();
    await fulfil(source, request);
    await refreshDevices();
  }

  async function fulfil(source: Source, request: Source['request']): Promise<void> {
    const deviceId = request?.deviceId ?? '';
    try {
      arrive(source, request, await open(source.kind, deviceId));
    } catch (error) {
      const gone = error instanceof Error && error.name === 'OverconstrainedError' && deviceId !== '';
      if (!gone || closed || source.request !== request) {
        refuse(source, request, statusOfError(error));
        return;
      }
      source.deviceId = '';
      await fulfil(source, begin(source));
    }
  }

  /** One prompt for both; one that cannot be had must not cost the other, so a refusal asks for each by itself. */
  async function startBoth(md: MediaDevices): Promise<void> {
    const microphoneRequest = begin(microphone);
    const cameraRequest = begin(camera);
    publish();
    try {
      const stream = await md.getUserMedia({
        audio: constraintsOf('microphone', microphone.deviceId),
        video: constraintsOf('camera', camera.deviceId),
      });
      arrive(microphone, microphoneRequest, stream.getAudioTracks()[0]);
      arrive(camera, cameraRequest, stream.getVideoTracks()[0]);
    } catch {
      await Promise.all([
        retrySeparately(microphone, microphoneRequest),
        retrySeparately(camera, cameraRequest),
      ]);
    }
    await refreshDevices();
  }

  async function retrySeparately(source: Source, request: Source['request']): Promise<void> {
    if (closed || source.request !== request) return;
    if (source.wanted) await fulfil(source, request);
    else source.request = null;
  }

  async function refreshDevices(): Promise<void> {
    if (devices === undefined || closed) return;
    latestRefresh += 1;
    const refresh = latestRefresh;
    let all: MediaDeviceInfo[];
    try {
      all = await devices.enumerateDevices();
    } catch {
      // Not allowed to look (a permissions policy): the lists stay as they are.
      return;
    }
    if (closed || refresh !== latestRefresh) return;
    microphones = devicesOf(all, 'audioinput');
    cameras = devicesOf(all, 'videoinput');
    speakers = devicesOf(all, 'audiooutput');
    // Ids are only told once permission was given; until then an absent one proves nothing.
    const told = speakers.some(({ deviceId }) => deviceId !== '');
    if (told && !speakers.some(({ deviceId }) => deviceId === speakerId)) speakerId = '';
    publish();
  }

  async function devicesChanged(): Promise<void> {
    await refreshDevices();
    if (closed) return;
    if (microphone.wanted && microphone.status === 'missing' && microphones.length > 0)
      void start(microphone);
    if (camera.wanted && camera.status === 'missing' && cameras.length > 0) void start(camera);
  }

  const onDeviceChange = () => void devicesChanged();
  devices?.addEventListener('devicechange', onDeviceChange);
  if (devices !== undefined && microphone.wanted && camera.wanted) {
    void startBoth(devices);
  } else {
    if (microphone.wanted) void start(microphone);
    if (camera.wanted) void start(camera);
    void refreshDevices();
  }

  const sourceOf = (kind: SourceKind) => (kind === 'microphone' ? microphone : camera);

  return {
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,
    setWanted(kind, wanted) {
      const source = sourceOf(kind);
      // Wanting again what was refused is asking again.
      const retry = wanted && !['on', 'starting'].includes(source.status);
      if (closed || (source.wanted === wanted && !retry)) return;
      source.wanted = wanted;
      const { track } = source;
      if (!wanted) {
        source.status = 'off';
        if (kind === 'camera') release(source);
        else if (track !== null) track.enabled = false;
        publish();
      } else if (track !== null) {
        track.enabled = true;
        source.status = 'on';
        publish();
      } else {
        void start(source);
      }
    },
    selectDevice(kind, deviceId) {
      const source = sourceOf(kind);
      if (closed || source.deviceId === deviceId) return;
      source.deviceId = deviceId;
      // The old one first: phones and some drivers open no second camera beside the first.
      release(source);
      if (source.wanted) void start(source);
      else publish();
    },
    selectSpeaker(deviceId) {
      if (closed || speakerId === deviceId) return;
      speakerId = deviceId;
      publish();
    },
    level: () => meter.level(microphone.track),
    close() {
      if (closed) return;
      closed = true;
      devices?.removeEventListener('devicechange', onDeviceChange);
      for (const source of [microphone, camera]) {
        release(source);
        source.request = null;
        source.status = 'off';
      }
      meter.close();
      publish();
    },
  };
}
