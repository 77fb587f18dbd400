/**
 * A router before the relay, which a test can shut and restart: passes UDP packets on, each client's from a port of its
 * own. Of what is in them it knows only how a client begins.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

export interface RelayGate {
  /** Where clients reach the relay. */
  readonly port: number;
  /** Where the relay is, once it runs. */
  leadTo(relayPort: number): void;
  /** From here on nothing passes, either way. */
  shut(): void;
  open(): void;
  /**
   * Whoever has been heard of by now, be it before a shut gate, gets nothing through any more: their ports lead nowhere, as
   * in a router that lost its power. Who comes after it is served.
   */
  abandon(): void;
  close(): void;
}

const HOST = '127.0.0.1';
const BUFFER_BYTES = 4 * 1024 * 1024;
/** Type of an Allocate request (RFC 8656 s17), and where a STUN message has its transaction (RFC 8489 s5). */
const ALLOCATE = 0x0003;
const TRANSACTION = [8, 20] as const;

export async function startRelayGate(): Promise<RelayGate> {
  const inside = await bind();
  const clients = new Map<string, Promise<Socket>>();
  const abandoned = new Set<string>();
  const begun = new Set<string>();
  let relayPort = 0;
  let isOpen = true;

  async function portFor({ address, port }: RemoteInfo): Promise<Socket> {
    const outside = await bind();
    outside.on('message', (packet) => {
      if (isOpen) inside.send(packet, port, address);
    });
    return outside;
  }

  /** The system gives ports away again: whoever has one now begins anew, where an old client would only repeat itself. */
  function isNewcomer(packet: Buffer): boolean {
    const transaction = packet.toString('hex', ...TRANSACTION);
    if (packet.readUInt16BE(0) !== ALLOCATE || begun.has(transaction)) return false;
    begun.add(transaction);
    return true;
  }

  inside.on('message', async (packet, from) => {
    // Shorter than any message of STUN and TURN: some other program's, to a port that was its own before.
    if (packet.length < 4) return;
    const client = `${from.address} ${from.port}`;
    if (isNewcomer(packet)) abandoned.delete(client);
    if (abandoned.has(client)) return;
    const known = clients.get(client) ?? portFor(from);
    clients.set(client, known);
    const outside = await known;
    if (isOpen && clients.get(client) === known) outside.send(packet, relayPort, HOST);
  });

  function abandon(): void {
    for (const [client, known] of clients) {
      abandoned.add(client);
      void known.then((outside) => outside.close());
    }
    clients.clear();
  }

  return {
    port: inside.address().port,
    leadTo(port) {
      relayPort = port;
    },
    shut() {
      isOpen = false;
    },
    open() {
      isOpen = true;
    },
    abandon,
    close() {
      abandon();
      inside.close();
    },
  };
}

/** A socket at a free port of the loopback interface. Where nobody listens any more, its packets are lost. */
function bind(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, HOST, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
