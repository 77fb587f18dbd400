/**
 * Which codecs a link offers. Fewer codecs make a description a third as long; what is left is what every browser has
 * (RFC 7742 s5: VP8 and constrained-baseline H.264; RFC 7874 s3: Opus), in the browser's own order.
 */

const byKind = new Map<string, RTCRtpCodec[]>();

/** What a link offers for media of `kind`; null where the browser does not say what it has. Asked once per page. */
export function codecsFor(kind: string): RTCRtpCodec[] | null {
  const known = byKind.get(kind);
  if (known) return known;
  const capabilities = RTCRtpReceiver.getCapabilities(kind);
  if (!capabilities) return null;
  const codecs = preferredCodecs(capabilities.codecs);
  byKind.set(kind, codecs);
  return codecs;
}

/** The wanted part of `codecs`, order kept; all of them if nothing is recognised. */
function preferredCodecs(codecs: readonly RTCRtpCodec[]): RTCRtpCodec[] {
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
