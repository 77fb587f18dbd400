/**
 * Which track a sender sends. Owns what was asked of the sender last, and borrows the tracks: `RTCRtpSender.track` says only
 * what the last finished replacement made of it, and one that is asked for while another runs would be compared with the wrong one.
 */

/**
 * Replaces the sender's track, or with null sends nothing. Replacements take effect in the order they are asked for
 * (webrtc-pc s5.2, `replaceTrack` is chained); the one that is already asked for is not asked for again.
 */
export type SendTrack = (track: MediaStreamTrack | null) => void;

export function createOutgoingTrack(sender: RTCRtpSender): SendTrack {
  let asked = sender.track;
  return (track) => {
    if (track === asked) return;
    asked = track;
    // Rejected only when the connection closes or the kind is wrong, and the kinds are ours.
    sender.replaceTrack(track).catch(() => undefined);
  };
}
