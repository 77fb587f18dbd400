/**
 * Makes what a join needs before anybody is contacted - room keys, identity, certificate - and starts the call with it.
 * Owns the preparation until `join` takes it over.
 */
import { createIdentity } from '../crypto/identity.ts';
import { deriveRoomKeys } from '../crypto/room-keys.ts';
import { type CallMaterial, createCall } from './call.ts';
import type { PreparedCall } from './call-types.ts';
import { createConnectionPool } from './connection-pool.ts';
import { parseFingerprint } from './description.ts';
import type { NameWords } from './names.ts';

async function prepareMaterial(secret: Uint8Array<ArrayBuffer>, password: string): Promise<CallMaterial> {
  const [keys, identity, certificate] = await Promise.all([
    deriveRoomKeys(secret, password),
    createIdentity(),
    // webrtc-pc s4.10: valid for 30 days by default, far longer than a call.
    RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as EcKeyGenParams),
  ]);
  const fingerprint = await fingerprintOf(certificate);
  return { keys, identity, fingerprint, connections: createConnectionPool(certificate) };
}

async function fingerprintOf(certificate: RTCCertificate): Promise<Uint8Array<ArrayBuffer>> {
  const listed = certificate
    .getFingerprints?.()
    .find((entry) => entry.algorithm?.toLowerCase() === 'sha-256')?.value;
  const text = listed ?? (await fingerprintFromOffer(certificate));
  const fingerprint = parseFingerprint(text);
  if (!fingerprint) throw new Error('The browser gave no SHA-256 fingerprint for its certificate');
  return fingerprint;
}

/** For browsers without `getFingerprints` (webrtc-pc s4.10.2): every description names it. */
async function fingerprintFromOffer(certificate: RTCCertificate): Promise<string> {
  const pc = new RTCPeerConnection({ certificates: [certificate] });
  pc.createDataChannel('');
  const { sdp } = await pc.createOffer();
  pc.close();
  return /a=fingerprint:sha-256 (\S+)/i.exec(sdp ?? '')?.[1] ?? '';
}

/** Starts the preparation at once. `password` is '' for none. */
export function prepareCall(
  secret: Uint8Array<ArrayBuffer>,
  password: string,
  words: NameWords,
): PreparedCall {
  let material: CallMaterial | Promise<CallMaterial> = prepareMaterial(secret, password);
  material.then(
    (made) => {
      material = made;
    },
    // The failure belongs to whoever joins; a preparation that is discarded may fail unheard.
    () => undefined,
  );
  return {
    join: (options) => createCall(material, { ...options, words }),
    discard() {
      Promise.resolve(material).then(
        ({ connections }) => connections.close(),
        () => undefined,
      );
    },
  };
}
