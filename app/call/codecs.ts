/**
 * Which codecs a link offers. Fewer codecs make a description a third as long; what is left is what every browser has
 * (RFC 7742 s5: VP8 and constrained-baseline H.264; RFC 7874 s3: Opus), in the browser's own order.
 */

/** The wanted part of `codecs`, order kept; all of them if nothing is recognised. */
export function preferredCodecs(codecs: readonly RTCRtpCodec[]): RTCRtpCodec[] {
  const kept = codecs.filter((codec) => {
    switch (codec.mimeType.toLowerCase()) {
      case 'audio/opus':
      case 'video/vp8':
      case 'video/rtx':
        return true;
      case 'video/h264':
        return (
          /packetization-mode=1/.test(codec.sdpFmtpLine ?? '') && /42e01f/i.test(codec.sdpFmtpLine ?? '')
        );
      default:
        return false;
    }
  });
  return kept.some((codec) => !/\/rtx$/i.test(codec.mimeType)) ? kept : [...codecs];
}
