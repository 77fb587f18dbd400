/** Changes of a sender's parameters. Owns their order; borrows the sender. */

export type TuneSender = (change: (parameters: RTCRtpSendParameters) => void) => void;

/** One after another: parameters read before an earlier change took effect are refused (webrtc-pc s5.2, setParameters). */
export function createTuner(sender: RTCRtpSender): TuneSender {
  let tuning: Promise<void> = Promise.resolve();
  return (change) => {
    tuning = tuning
      .then(() => {
        const parameters = sender.getParameters();
        change(parameters);
        return sender.setParameters(parameters);
      })
      // The connection closes, or the browser lacks one of these: then it goes as the browser would have it.
      .catch(() => undefined);
  };
}
