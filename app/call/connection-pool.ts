/**
 * Peer connections made before anybody is known, so that a link does not wait for the browser to make one: the first of a
 * page starts WebRTC's threads. Owns those not taken yet. They gather nothing and contact nobody until they are described.
 */

/** The channels of what people do in a call besides talking (DESIGN section 4). */
export interface FeatureChannels {
  readonly chat: RTCDataChannel;
  readonly files: RTCDataChannel;
  /** Unordered, and nothing is sent again: only the newest position counts. */
  readonly pointer: RTCDataChannel;
}

/** A peer connection with its data channels, and nothing else. Whoever took it closes it. */
export interface BareConnection {
  readonly pc: RTCPeerConnection;
  readonly control: RTCDataChannel;
  readonly features: FeatureChannels;
}

export interface ConnectionPool {
  /** What is fixed at construction (webrtc-pc s4.4.1.6) comes from the pool; throws what the browser throws. */
  take(configuration: Pick<RTCConfiguration, 'iceServers' | 'iceTransportPolicy'>): BareConnection;
  close(): void;
}

/** Enough for a call of four; more are made when they are taken. */
const SPARE_CONNECTIONS = 3;
/** Negotiated out of band with fixed stream ids (RFC 8832 is not used). */
const CHANNEL_ID = { control: 0, chat: 1, files: 2, pointer: 3 } as const;

export function createConnectionPool(certificate: RTCCertificate): ConnectionPool {
  const fixed: RTCConfiguration = {
    certificates: [certificate],
    bundlePolicy: 'max-bundle',
    rtcpMuxPolicy: 'require',
  };
  const make = (configuration: RTCConfiguration): BareConnection => {
    const pc = new RTCPeerConnection(configuration);
    const open = (label: keyof typeof CHANNEL_ID, how: RTCDataChannelInit = {}) => {
      const channel = pc.createDataChannel(label, { ...how, negotiated: true, id: CHANNEL_ID[label] });
      channel.binaryType = 'arraybuffer';
      return channel;
    };
    return {
      pc,
      control: open('control'),
      features: {
        chat: open('chat'),
        files: open('files'),
        pointer: open('pointer', { ordered: false, maxRetransmits: 0 }),
      },
    };
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
