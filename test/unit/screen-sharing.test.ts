/** The own screen and what is told of it, with the browser's part played by hand. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkPort } from '../../app/call/channels/link-port.ts';
import { createScreenFeature } from '../../app/call/media/screen-feature.ts';
import { createScreenSender, firstScale } from '../../app/call/media/screen-sender.ts';
import {
  createScreenSource,
  screenConstraints,
  screenProblemOf,
} from '../../app/call/media/screen-source.ts';
import type { OwnScreen, ScreenTracks } from '../../app/call/media/screen-types.ts';
import { createSubject } from '../../app/call/observable.ts';

class FakeTrack extends EventTarget {
  readonly kind: string;
  contentHint = '';
  muted = false;
  readyState = 'live';
  readonly constraints: MediaTrackConstraints[] = [];
  readonly settings: MediaTrackSettings;
  constructor(kind: string, settings: MediaTrackSettings = {}) {
    super();
    this.kind = kind;
    this.settings = settings;
  }
  stop() {
    this.readyState = 'ended';
  }
  getSettings() {
    return this.settings;
  }
  applyConstraints(constraints: MediaTrackConstraints) {
    this.constraints.push(constraints);
    return Promise.resolve();
  }
  /** As the browser ends it. */
  end() {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }
  getCaptureHandle() {
    return null as { handle: string } | null;
  }
}

interface Choice {
  choose(...tracks: FakeTrack[]): void;
  refuse(error: unknown): void;
}

let choices: Choice[] = [];
let handle = '';

beforeEach(() => {
  choices = [];
  handle = '';
  vi.useFakeTimers();
  vi.stubGlobal('location', { origin: 'https://parley.example' });
  vi.stubGlobal('navigator', {
    mediaDevices: {
      setCaptureHandleConfig: (config: { handle: string }) => {
        handle = config.handle;
      },
      getDisplayMedia: () =>
        new Promise((settle, refuse) => {
          const choose = (...tracks: FakeTrack[]) =>
            settle({
              getTracks: () => tracks,
              getVideoTracks: () => tracks.filter(({ kind }) => kind === 'video'),
              getAudioTracks: () => tracks.filter(({ kind }) => kind === 'audio'),
            });
          choices.push({ choose, refuse });
        }),
    },
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const answered = () => vi.advanceTimersByTimeAsync(0);

async function sharing(video = new FakeTrack('video', { displaySurface: 'window' }), audio?: FakeTrack) {
  const source = createScreenSource();
  source.start();
  choices[0]?.choose(...(audio ? [video, audio] : [video]));
  await answered();
  return source;
}

describe('the own screen', () => {
  it('goes from off over choosing to sharing, and to off when it is stopped', async () => {
    const [video, audio] = [new FakeTrack('video', { displaySurface: 'monitor' }), new FakeTrack('audio')];
    const source = createScreenSource();
    expect(source.snapshot()).toEqual({ state: 'off', problem: null });
    source.start();
    source.start();
    expect([source.snapshot().state, choices.length]).toEqual(['choosing', 1]);
    choices[0]?.choose(video, audio);
    await answered();
    expect(source.snapshot()).toMatchObject({
      state: 'sharing',
      tracks: { video, audio, mode: 'text' },
      surface: 'monitor',
      ownTab: false,
      held: false,
    });
    expect([video.contentHint, audio.contentHint]).toEqual(['detail', 'music']);
    source.stop();
    expect([source.snapshot().state, video.readyState, audio.readyState]).toEqual(['off', 'ended', 'ended']);
  });

  it('ends the same when the browser ends it, sound and all', async () => {
    const [video, audio] = [new FakeTrack('video'), new FakeTrack('audio')];
    const source = await sharing(video, audio);
    video.end();
    expect(source.snapshot()).toEqual({ state: 'off', problem: null });
    expect(audio.readyState).toBe('ended');
  });

  it('goes on without sound when only that ends', async () => {
    const audio = new FakeTrack('audio');
    const source = await sharing(new FakeTrack('video'), audio);
    audio.end();
    expect(source.snapshot()).toMatchObject({ state: 'sharing', tracks: { audio: null } });
  });

  it('stops what is chosen too late: after a stop, and after the end of the call', async () => {
    for (const end of ['stop', 'close'] as const) {
      const track = new FakeTrack('video');
      const source = createScreenSource();
      source.start();
      source[end]();
      choices.at(-1)?.choose(track);
      await answered();
      expect([source.snapshot().state, track.readyState], end).toEqual(['off', 'ended']);
    }
  });

  it('says when the picture is held back, and when it is this very page', async () => {
    const video = new FakeTrack('video', { displaySurface: 'browser' });
    const source = await sharing(video);
    video.muted = true;
    video.dispatchEvent(new Event('mute'));
    expect(source.snapshot()).toMatchObject({ held: true, ownTab: false });
    video.getCaptureHandle = () => ({ handle });
    video.dispatchEvent(new Event('capturehandlechange'));
    expect(source.snapshot()).toMatchObject({ ownTab: true });
    video.getCaptureHandle = () => ({ handle: 'of another page' });
    video.dispatchEvent(new Event('capturehandlechange'));
    expect(source.snapshot()).toMatchObject({ ownTab: false });
  });

  it('changes what it is sent for while it runs, and keeps that for the next', async () => {
    const video = new FakeTrack('video', { width: 3840, height: 2160 });
    const source = await sharing(video);
    source.setMode('motion');
    expect(source.snapshot()).toMatchObject({ tracks: { video, mode: 'motion' } });
    expect(video.contentHint).toBe('motion');
    expect(video.constraints.at(-1)).toMatchObject({ frameRate: { max: 30 }, width: { max: 1920 } });
    source.stop();
    source.start();
    choices[1]?.choose(new FakeTrack('video'));
    await answered();
    expect(source.snapshot()).toMatchObject({ tracks: { mode: 'motion' } });
  });

  it('begins without limits, and limits what it captures once that cannot delay the first picture', async () => {
    const video = new FakeTrack('video', { width: 1280, height: 720 });
    await sharing(video);
    expect(video.constraints).toEqual([]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(video.constraints).toEqual([{ frameRate: { max: 15 } }]);
  });

  it('remembers why nothing was shared until it is dismissed or tried again', async () => {
    const source = createScreenSource();
    source.start();
    choices[0]?.refuse(new DOMException('', 'NotAllowedError'));
    await answered();
    expect(source.snapshot()).toEqual({ state: 'off', problem: 'refused' });
    source.dismiss();
    expect(source.snapshot()).toEqual({ state: 'off', problem: null });
  });

  it.each([
    [undefined, 'insecure'],
    [{}, 'unsupported'],
  ])('with media devices %j is %s', (mediaDevices, problem) => {
    vi.stubGlobal('navigator', { mediaDevices });
    const source = createScreenSource();
    source.start();
    expect(source.snapshot()).toEqual({ state: 'off', problem });
  });
});

it.each([
  ['NotAllowedError', 'Permission denied', 'refused'],
  ['NotAllowedError', 'Permission denied by system', 'system'],
  ['NotReadableError', '', 'system'],
  ['AbortError', '', 'system'],
  ['NotFoundError', '', 'nothing'],
  ['InvalidStateError', '', 'failed'],
])('%s (%s) is the problem %s', (name, message, problem) => {
  expect(screenProblemOf(new DOMException(message, name))).toBe(problem);
});

it('asks for another size only where it is too large', () => {
  expect(screenConstraints('text', { width: 2560, height: 1600 })).toEqual({ frameRate: { max: 15 } });
  expect(screenConstraints('text', { width: 1600, height: 2560 })).toMatchObject({ height: { max: 1600 } });
});

describe('what is told of screens', () => {
  function stage() {
    const own = createSubject<OwnScreen>({ state: 'off', problem: null });
    const changed = vi.fn();
    const feature = createScreenFeature(own, changed);
    const port = (key: string) => {
      const controller = new AbortController();
      const frames: unknown[] = [];
      const made = {
        key,
        signal: controller.signal,
        sendControl: (frame: unknown) => frames.push(frame) > 0,
      } as unknown as LinkPort;
      return { made, frames, end: () => controller.abort() };
    };
    const tracks = { video: new FakeTrack('video'), audio: null, mode: 'text' } as unknown as ScreenTracks;
    const share = () => {
      own.set({ state: 'sharing', tracks, surface: 'window', ownTab: false, held: false });
      feature.announce();
    };
    return { own, changed, feature, port, share };
  }
  const state = (sharing: boolean) => ({ kind: 'screen-state', sharing, sound: false, held: false }) as const;

  it('goes to everyone on a change, and to who comes later; nothing is said of what is not shared', () => {
    const { own, feature, port, share } = stage();
    const [early, late] = [port('a'), port('b')];
    feature.linkUp(early.made);
    share();
    feature.announce();
    feature.linkUp(late.made);
    expect([early.frames, late.frames]).toEqual([[state(true)], [state(true)]]);
    early.end();
    own.set({ state: 'off', problem: null });
    feature.announce();
    expect([early.frames.length, late.frames]).toEqual([1, [state(true), state(false)]]);
  });

  it('is kept while a link is mended, and replaced by what is said on the next', () => {
    const { changed, feature, port } = stage();
    const first = port('a');
    feature.linkUp(first.made);
    feature.control?.(first.made, { ...state(true), sound: true });
    first.end();
    expect(feature.of('a')).toEqual({ sound: true, held: false });
    feature.linkUp(port('a').made);
    expect([feature.of('a'), changed.mock.calls.length]).toEqual([null, 2]);
  });
});

it('sends a large screen small at first, whole after a moment, and nothing once it ended', async () => {
  expect([firstScale(undefined), firstScale(800), firstScale(3840)]).toEqual([1, 1, 3]);
  const log: unknown[] = [];
  const sender = (name: string) =>
    ({
      track: null as unknown,
      getParameters: () => ({ encodings: [{}] }),
      setParameters: ({ encodings, degradationPreference }: RTCRtpSendParameters) => {
        log.push([degradationPreference, encodings[0]?.scaleResolutionDownBy]);
        return Promise.resolve();
      },
      async replaceTrack(this: { track: unknown }, track: unknown) {
        log.push(track ? `${name} on` : `${name} off`);
        await Promise.resolve();
        this.track = track;
      },
    }) as unknown as RTCRtpSender;
  const screen = createScreenSender(sender('video'), sender('audio'), new AbortController().signal);
  const video = new FakeTrack('video', { width: 2560 });
  const tracks = { video, audio: null, mode: 'text' } as unknown as ScreenTracks;
  screen.send(tracks);
  await answered();
  expect(log.splice(0)).toEqual(['video on', ['maintain-resolution', 2]]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(log.splice(0)).toEqual([['maintain-resolution', 1]]);
  screen.send({ ...tracks, mode: 'motion' });
  await answered();
  expect(log.splice(0)).toEqual([['maintain-framerate', 1]]);
  screen.send(null);
  expect(log.splice(0)).toEqual(['video off']);
  // Again at once: the sender has the track still, and must be told anew.
  screen.send(tracks);
  expect(log).toEqual(['video on']);
});
