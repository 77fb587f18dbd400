/** Width / height of the picture that `element` plays; null while there is none. */
export function aspectOf(element: EventTarget & HTMLVideoElement): number | null {
  const { videoWidth, videoHeight } = element;
  // A track that sends no picture reports 2x2 or nothing.
  return videoWidth > 2 && videoHeight > 2 ? videoWidth / videoHeight : null;
}
