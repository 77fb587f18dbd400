/**
 * Peer connections made before anybody is known, so that a link does not wait for the browser to make one: the first of a
 * page starts WebRTC's threads. Owns those not taken yet. They gather nothing and contact nobody until they are described.
 */

/** A peer connection with its control channel, and nothing else. Whoever took it closes it. */
export interface BareConnection {
  readonly pc: RTCPeerConnection;
  readonly control: RTCDataChannel;
}

export interface ConnectionPool {
  /** What is fixed at construction (webrtc-pc s4.4.1.6) comes from the pool; throws what the browser throws. */
  take(configuration: Pick<RTCConfiguration, 'iceServers' | 'iceTransportPolicy'>): BareConnection;
  close(): void;
}

/** Enough for a call of four; more are made when they are taken. */
const SPARE_CONNECTIONS = 3;
/** Negotiated out of band with a fixed stream id (RFC 8832 is not used). */
const CONTROL_CHANNEL_ID = 0;

export function createConnectionPool(certificate: RTCCertificate): ConnectionPool {
  const fixed: RTCConfiguration = {
    certificates: [certificate],
    bundlePolicy: 'max-bundle',
    rtcpMuxPolicy: 'require',
  };
  const make = (configuration: RTCConfiguration): BareConnection => {
    const pc = new RTCPeerConnection(configuration);
    const control = pc.createDataChannel('control', { negotiated: true, id: CONTROL_CHANNEL_ID });
    control.binaryType = 'arraybuffer';
    return { pc, control };
  };
  const spares = Array.from({ length: SPARE_CONNECTIONS }, () => make(fixed));
  return {
    take(configuration) {
      const spare = spares.pop();
      if (!spare) return make({ ...fixed, ...configuration });
      try {
        spare.pc.setConfiguration({ ...fixed, ...configuration });
      } catch (error) {
        spare.pc.close();
        throw error;
      }
      return spare;
    },
    close() {
      for (const { pc } of spares.splice(0)) pc.close();
    },
  };
}
