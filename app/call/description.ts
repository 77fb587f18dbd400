/**
 * What a peer's session description must satisfy before the browser is given it (DESIGN section 2), and what of an own one is
 * said. Pure text: knows no peer connection. A description that arrived sealed is still a peer's input, and a peer may be
 * hostile.
 */

/** Longest SDP handed to the browser, in characters. */
const MAX_SDP_CHARS = 32 * 1024;
/** Four media sections, one for data, and room for what a future version adds. */
const MAX_MEDIA_SECTIONS = 8;
const MAX_CANDIDATES = 64;
const MAX_CANDIDATE_CHARS = 512;

export type Inspection =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly problem: 'too-long' | 'fingerprint' | 'sdes' | 'media-sections' | 'candidates';
    };

/**
 * Checks `sdp` against the certificate fingerprint its sender committed to in the hello.
 *
 * @param fingerprint SHA-256 of the certificate, 32 bytes.
 */
export function inspectDescription(sdp: string, fingerprint: Uint8Array): Inspection {
  if (sdp.length > MAX_SDP_CHARS) return { ok: false, problem: 'too-long' };
  const expected = `sha-256 ${formatFingerprint(fingerprint)}`.toLowerCase();
  let fingerprints = 0;
  let mediaSections = 0;
  let candidates = 0;
  for (const line of sdp.split(/\r\n|\r|\n/)) {
    // RFC 8122 s5: a session may carry several fingerprints, and a match with any of them is enough for DTLS. Hence
    // every one of them has to be the committed one.
    if (/^a=fingerprint:/i.test(line)) {
      if (line.slice('a=fingerprint:'.length).trim().toLowerCase() !== expected) {
        return { ok: false, problem: 'fingerprint' };
      }
      fingerprints += 1;
    } else if (/^a=crypto:/i.test(line)) {
      // RFC 4568 (SDES) would carry media keys in the description.
      return { ok: false, problem: 'sdes' };
    } else if (line.startsWith('m=')) {
      mediaSections += 1;
    } else if (/^a=candidate:/i.test(line)) {
      if (line.length > MAX_CANDIDATE_CHARS || !isAddressable(line))
        return { ok: false, problem: 'candidates' };
      candidates += 1;
    }
  }
  if (mediaSections === 0 || mediaSections > MAX_MEDIA_SECTIONS) {
    return { ok: false, problem: 'media-sections' };
  }
  if (candidates > MAX_CANDIDATES) return { ok: false, problem: 'candidates' };
  return fingerprints > 0 ? { ok: true } : { ok: false, problem: 'fingerprint' };
}

/**
 * Whether a candidate line (RFC 8839 s5.1) names an address, or the mDNS name that hides one. Any other name would have
 * this browser ask a name server, and so tell a third party, whatever a peer chooses.
 */
export function isAddressable(candidate: string): boolean {
  const address = candidate.trim().split(/ +/)[4] ?? '';
  return (
    /^[0-9.]+$/.test(address) ||
    /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(address) ||
    /^[0-9a-f-]+\.local$/i.test(address)
  );
}

/**
 * Whether a candidate line can lead anywhere: RTCP has no path of its own here (RFC 8834 s4.5), which Firefox gathers for all
 * the same, and of TCP browsers gather active candidates only (RFC 6544 s4.1), of which two never meet.
 */
export function isUsable(candidate: string): boolean {
  return /^\S+ 1 udp /i.test(candidate);
}

/**
 * An own description as it is sent: without candidates that lead nowhere, and without attributes of payload types that their
 * section does not list (RFC 8866 s6.6). Firefox leaves those behind when codecs are chosen, and Chromium takes no such
 * description.
 */
export function tidyDescription(sdp: string): string {
  let formats: string[] = [];
  return sdp
    .split('\r\n')
    .filter((line) => {
      if (line.startsWith('m=')) formats = line.split(' ').slice(3);
      const [, payloadType] = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line) ?? [];
      return payloadType ? formats.includes(payloadType) : !/^a=candidate:/.test(line) || isUsable(line);
    })
    .join('\r\n');
}

/** `AB:CD:…` as in RFC 8122 s5. */
export function formatFingerprint(fingerprint: Uint8Array): string {
  return Array.from(fingerprint, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
}

/** The 32 bytes of an `AB:CD:…` SHA-256 fingerprint, or null. */
export function parseFingerprint(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){31}$/i.test(text)) return null;
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16));
}
