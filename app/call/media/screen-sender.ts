/**
 * How a screen is sent over one link: which tracks, how large, how often and what gives way when the path does not carry it
 * all. Owns the parameters of the two senders; borrows the tracks, and knows no peer connection.
 */
import { createOutgoingTrack } from './outgoing-track.ts';
import type { ScreenMode, ScreenTracks } from './screen-types.ts';

/** What may be spent, and what is kept (webrtc-pc s5.2, mst-content-hint s4). */
const ENCODING = {
  text: { maxBitrate: 2_500_000, maxFramerate: 15, keeps: 'maintain-resolution' },
  motion: { maxBitrate: 4_000_000, maxFramerate: 30, keeps: 'maintain-framerate' },
} as const;

/**
 * The first key frame of a large screen takes long to be coded, sent and decoded: a screen begins no wider than this, and is
 * whole when that frame has surely arrived.
 */
const FIRST_WIDTH = 1280;
const FIRST_MS = 1_000;

export interface ScreenSender {
  /** Sends these from now on; null sends nothing. */
  send(screen: ScreenTracks | null): void;
}

/** How much to divide the first picture of `width` pixels by; 1 where the browser does not say how wide it is. */
export function firstScale(width: number | undefined): number {
  return Math.max(1, (width ?? 0) / FIRST_WIDTH);
}

export function createScreenSender(
  video: RTCRtpSender,
  audio: RTCRtpSender,
  signal: AbortSignal,
): ScreenSender {
  const sendVideo = createOutgoingTrack(video);
  const sendAudio = createOutgoingTrack(audio);
  let sent: ScreenTracks | null = null;
  let scale = 1;
  let tuned = '';
  let tuning: Promise<void> = Promise.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener('abort', () => clearTimeout(timer));

  function tune(mode: ScreenMode): void {
    if (tuned === `${mode} ${scale}`) return;
    tuned = `${mode} ${scale}`;
    const { keeps, maxBitrate, maxFramerate } = ENCODING[mode];
    const scaleResolutionDownBy = scale;
    // One after another: parameters read before an earlier change took effect are refused.
    tuning = tuning
      .then(() => {
        const parameters = video.getParameters();
        parameters.degradationPreference = keeps;
        for (const encoding of parameters.encodings)
          Object.assign(encoding, { maxBitrate, maxFramerate, scaleResolutionDownBy });
        return video.setParameters(parameters);
      })
      // A browser that lacks one of these: the picture goes as the browser would have it.
      .catch(() => undefined);
  }

  return {
    send(screen) {
      if (signal.aborted || screen === sent) return;
      if (screen && screen.video !== sent?.video) {
        clearTimeout(timer);
        scale = firstScale(screen.video.getSettings().width);
        timer = setTimeout(() => {
          scale = 1;
          if (sent) tune(sent.mode);
        }, FIRST_MS);
      }
      sent = screen;
      if (screen) tune(screen.mode);
      sendVideo(screen?.video ?? null);
      sendAudio(screen?.audio ?? null);
    },
  };
}
