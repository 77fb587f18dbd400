/**
 * How a screen is sent over one link: which tracks, how large, how often and what gives way when the path does not carry it
 * all. Owns the parameters of the two senders; borrows the tracks, and knows no peer connection.
 */
import { createOutgoingTrack } from './outgoing-track.ts';
import type { ScreenTracks } from './screen-types.ts';
import { createTuner } from './sender-parameters.ts';
import { createShownPicture, type ShownPicture } from './shown-size.ts';

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

export interface ScreenSender extends Pick<ShownPicture, 'shownAt'> {
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
  const tuneVideo = createTuner(video);
  let sent: ScreenTracks | null = null;
  let least = 1;
  let tuned = '';
  let timer: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener('abort', () => clearTimeout(timer));
  const shown = createShownPicture(tune, signal);

  function tune(): void {
    if (!sent || signal.aborted) return;
    const { mode } = sent;
    const { active, scale } = shown.fit(sent.video);
    const scaleResolutionDownBy = Math.max(least, scale);
    if (tuned === `${mode} ${active} ${scaleResolutionDownBy}`) return;
    tuned = `${mode} ${active} ${scaleResolutionDownBy}`;
    const { keeps, ...limits } = ENCODING[mode];
    tuneVideo((parameters) => {
      parameters.degradationPreference = keeps;
      for (const encoding of parameters.encodings)
        Object.assign(encoding, { ...limits, active, scaleResolutionDownBy });
    });
  }

  return {
    shownAt: shown.shownAt,
    send(screen) {
      if (signal.aborted || screen === sent) return;
      if (screen && screen.video !== sent?.video) {
        clearTimeout(timer);
        least = firstScale(screen.video.getSettings().width);
        timer = setTimeout(() => {
          least = 1;
          tune();
        }, FIRST_MS);
      }
      sent = screen;
      tune();
      sendVideo(screen?.video ?? null);
      sendAudio(screen?.audio ?? null);
    },
  };
}
