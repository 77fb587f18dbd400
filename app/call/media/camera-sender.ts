/**
 * How a camera is sent over one link: small at first, then as large as it is shown there, and not at all while nobody can
 * see it. Owns the parameters of the sender; borrows the track, and knows no peer connection.
 */
import { createOutgoingTrack, type SendTrack } from './outgoing-track.ts';
import { createTuner } from './sender-parameters.ts';
import { createShownPicture, type ShownPicture } from './shown-size.ts';

/**
 * Divides width and height of a link's first pictures. A key frame of a quarter of the area is coded, paced at the rate that
 * congestion control begins with, and decoded in a fraction of the time: faces are there sooner, and full size when links are calm.
 */
const FIRST_PICTURE_SCALE = 2;

export interface CameraSender extends Pick<ShownPicture, 'shownAt'> {
  readonly send: SendTrack;
  /** The first pictures are there: from here on in the size that is due. */
  calm(): void;
}

export function createCameraSender(sender: RTCRtpSender, signal: AbortSignal): CameraSender {
  const sendTrack = createOutgoingTrack(sender);
  const tune = createTuner(sender);
  let track: MediaStreamTrack | null = null;
  let least = FIRST_PICTURE_SCALE;
  let tuned = '';
  const shown = createShownPicture(apply, signal);

  function apply(): void {
    const { active, scale } = shown.fit(track);
    const scaleResolutionDownBy = Math.max(least, scale);
    if (signal.aborted || tuned === `${active} ${scaleResolutionDownBy}`) return;
    tuned = `${active} ${scaleResolutionDownBy}`;
    tune(({ encodings }) => {
      for (const encoding of encodings) Object.assign(encoding, { active, scaleResolutionDownBy });
    });
  }
  apply();

  return {
    shownAt: shown.shownAt,
    send(next) {
      track = next;
      apply();
      sendTrack(next);
    },
    calm() {
      least = 1;
      apply();
    },
  };
}
