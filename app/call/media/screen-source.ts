/**
 * This person's own screen: has the browser ask for it, follows what becomes of it and says why it is not to be had. Owns
 * the tracks; knows nothing of links.
 */
import { createSubject } from '../observable.ts';
import type {
  OwnScreen,
  ScreenMode,
  ScreenProblem,
  ScreenSource,
  ScreenSurface,
  ScreenTracks,
} from './screen-types.ts';

/** Newer than the DOM library: W3C screen-capture s5.2 and s5.4, and the capture-handle draft. */
interface CaptureOptions extends DisplayMediaStreamOptions {
  readonly selfBrowserSurface?: 'include' | 'exclude';
  readonly surfaceSwitching?: 'include' | 'exclude';
  readonly systemAudio?: 'include' | 'exclude';
}

interface CaptureDevices extends MediaDevices {
  setCaptureHandleConfig?(config: { handle: string; permittedOrigins: string[] }): void;
}

interface CaptureTrack extends MediaStreamTrack {
  getCaptureHandle?(): { readonly handle?: string } | null;
}

/** A capture begins without limits: at 15 frames a second its first one comes tens of milliseconds later. */
const BEGIN_FRAME_RATE = 30;
const BEGIN_MS = 2_000;

const OFF: OwnScreen = { state: 'off', problem: null };

/**
 * The most that is captured for long. Letters need every pixel and few frames; movement needs frames, and its blurred edges
 * nobody sees. A screen larger than this is scaled by the browser, which keeps its shape.
 */
const LIMITS: Record<ScreenMode, { width: number; height: number; frameRate: number }> = {
  text: { width: 2560, height: 1600, frameRate: 15 },
  motion: { width: 1920, height: 1200, frameRate: 30 },
};

/** Why `getDisplayMedia` refused (W3C screen-capture s5.1), from what it rejected with. */
export function screenProblemOf(error: unknown): ScreenProblem {
  if (!(error instanceof Error)) return 'failed';
  switch (error.name) {
    case 'NotAllowedError':
      // The specification has one error for both; the operating system's is told by its text alone.
      return /system/i.test(error.message) ? 'system' : 'refused';
    case 'NotReadableError':
    case 'AbortError':
      return 'system';
    case 'NotFoundError':
      return 'nothing';
    default:
      return 'failed';
  }
}

/** What to ask of a track that captures `now` pixels; sizes only where they are too large, since browsers also enlarge. */
export function screenConstraints(
  mode: ScreenMode,
  now: { readonly width?: number; readonly height?: number },
): MediaTrackConstraints {
  const { width, height, frameRate } = LIMITS[mode];
  const tooLarge = (now.width ?? 0) > width || (now.height ?? 0) > height;
  return {
    frameRate: { max: frameRate },
    ...(tooLarge ? { width: { max: width }, height: { max: height } } : {}),
  };
}

/** Contacts nobody, and asks for nothing before `start`. */
export function createScreenSource(): ScreenSource {
  const subject = createSubject<OwnScreen>(OFF);
  // Absent in an insecure context, whatever the type says; phones lack the method.
  const devices: CaptureDevices | undefined = navigator.mediaDevices;
  let handle = '';
  let mode: ScreenMode = 'text';
  let request: object | null = null;
  let live: ScreenTracks | null = null;
  let closed = false;
  let limitTimer: ReturnType<typeof setTimeout> | undefined;

  /** Marks this page, so that a capture of it is recognised as such. */
  function markPage(): void {
    if (handle !== '' || !devices?.setCaptureHandleConfig) return;
    handle = crypto.randomUUID();
    devices.setCaptureHandleConfig({ handle, permittedOrigins: [location.origin] });
  }

  function fail(problem: ScreenProblem): void {
    subject.set({ state: 'off', problem });
  }

  function publish(): void {
    if (!live) return;
    const { video } = live;
    const captured = (video as CaptureTrack).getCaptureHandle?.()?.handle;
    subject.set({
      state: 'sharing',
      tracks: live,
      surface: surfaceOf(video),
      ownTab: handle !== '' && captured === handle,
      held: video.muted,
    });
  }

  function stop(): void {
    clearTimeout(limitTimer);
    request = null;
    live?.video.stop();
    live?.audio?.stop();
    live = null;
    subject.set(OFF);
  }

  function arrive(stream: MediaStream): void {
    const [video] = stream.getVideoTracks();
    const [audio = null] = stream.getAudioTracks();
    if (!video) {
      for (const track of stream.getTracks()) track.stop();
      fail('failed');
      return;
    }
    // Neither voice nor speech: what plays on a computer, left as it is.
    if (audio) audio.contentHint = 'music';
    live = { video, audio, mode };
    hint(video);
    // Ended from outside: by the browser's own bar, or because a window was closed.
    video.addEventListener('ended', () => live?.video === video && stop());
    audio?.addEventListener('ended', () => {
      if (live?.audio !== audio) return;
      live = { ...live, audio: null };
      publish();
    });
    for (const event of ['mute', 'unmute', 'configurationchange', 'capturehandlechange']) {
      video.addEventListener(event, () => live?.video === video && publish());
    }
    limitTimer = setTimeout(limit, BEGIN_MS);
    publish();
  }

  function limit(): void {
    // A browser that cannot scale what it captures sends it as it is.
    live?.video.applyConstraints(screenConstraints(mode, live.video.getSettings())).catch(() => undefined);
  }

  function hint(video: MediaStreamTrack): void {
    // W3C mst-content-hint s3: `detail` keeps the resolution, `motion` the frame rate.
    video.contentHint = mode === 'text' ? 'detail' : 'motion';
  }

  async function choose(md: MediaDevices, own: object): Promise<void> {
    const options: CaptureOptions = {
      video: { frameRate: { max: BEGIN_FRAME_RATE } },
      // The call itself is heard by the others already; a computer's sound is no voice to be cleaned.
      audio: {
        ...{ restrictOwnAudio: true },
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: false,
      },
      selfBrowserSurface: 'exclude',
      surfaceSwitching: 'include',
      systemAudio: 'include',
    };
    let stream: MediaStream;
    try {
      stream = await md.getDisplayMedia(options);
    } catch (error) {
      if (request !== own) return;
      request = null;
      fail(screenProblemOf(error));
      return;
    }
    if (request !== own) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    request = null;
    arrive(stream);
  }

  return {
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,
    start() {
      if (closed || request || live) return;
      if (!devices) return fail('insecure');
      if (!('getDisplayMedia' in devices)) return fail('unsupported');
      markPage();
      request = {};
      subject.set({ state: 'choosing' });
      void choose(devices, request);
    },
    stop,
    setMode(next) {
      if (mode === next) return;
      mode = next;
      if (!live) return;
      live = { ...live, mode };
      hint(live.video);
      limit();
      publish();
    },
    dismiss() {
      const now = subject.snapshot();
      if (now.state === 'off' && now.problem !== null) subject.set(OFF);
    },
    close() {
      closed = true;
      stop();
    },
  };
}

function surfaceOf(video: MediaStreamTrack): ScreenSurface {
  const surface = video.getSettings().displaySurface;
  return surface === 'monitor' || surface === 'window' || surface === 'browser' ? surface : 'unknown';
}
