/**
 * The portable data path: Node's dgram, on every system that Node runs on. Owns its sockets and flows; the contract is
 * data-path.ts's. What is relayed is copied once, into one send buffer that is used again for every packet.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Counter } from '../metrics/counters.ts';
import type { Client, DataPath, DataPathOptions, Flow, FlowOptions, Listener } from './data-path.ts';
import { DATA_HEADER_BYTES_IPV6, FrameKind, kindOf } from './frames.ts';
import type { Channel } from './grants.ts';
import { familyOf, type IpFamily, type IpWords, ipWords, readIp } from './ip-words.ts';
import { RelayedFlow, Relaying, wrapForClient, wrappedBytes } from './relaying.ts';

const SOCKET_BUFFER_BYTES = 4 << 20;
const MAX_DATAGRAM_BYTES = 65_535;
const PADDING_BYTES = 4;

/** The addresses are written out already, so dgram need not ask a resolver. */
function openSocket(family: IpFamily, reusePort: boolean): Socket {
  return createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    reusePort,
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    lookup: (host, _options, done) => done(null, host, family),
  });
}

async function bind(socket: Socket, address: string, port: number): Promise<void> {
  try {
    // Registered first: with an address that needs no look-up the event comes before `bind` returns.
    const listening = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

class PortableListener implements Listener {
  readonly index: number;
  readonly ip: string;
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly socket: Socket;

  /** `socket` is bound. */
  constructor(index: number, ip: string, socket: Socket) {
    this.index = index;
    this.ip = ip;
    this.socket = socket;
    this.port = socket.address().port;
    this.receiveBufferBytes = socket.getRecvBufferSize();
    this.sendBufferBytes = socket.getSendBufferSize();
  }
}

class PortableFlow extends RelayedFlow<PortableFlow> {
  readonly socket: Socket;
  /** Where the client's packets go out; null for a stream client. */
  readonly clientSocket: Socket | null;

  constructor(
    path: PortableDataPath,
    options: FlowOptions,
    shared: DataPathOptions,
    socket: Socket,
    clientSocket: Socket | null,
  ) {
    super(path, options, shared);
    this.socket = socket;
    this.clientSocket = clientSocket;
  }

  protected override get self(): PortableFlow {
    return this;
  }

  /** Nothing is kept with channels. */
  protected override forgetChannel(): void {}
}

export function createPortableDataPath(options: DataPathOptions): DataPath {
  return new PortableDataPath(options);
}

class PortableDataPath extends Relaying<PortableFlow> implements DataPath {
  readonly name = 'portable';
  readonly #listeners: PortableListener[] = [];
  readonly #closing = new Set<Promise<void>>();
  /** Of the packet at hand; overwritten by the next. */
  readonly #ip: IpWords = new Int32Array(4);
  /** Where a packet is put together that is sent before the next one comes. */
  #out = Buffer.allocUnsafe(DATA_HEADER_BYTES_IPV6 + MAX_DATAGRAM_BYTES + PADDING_BYTES);
  #isClosed = false;

  async listen({ ip, port, reusePort }: { ip: string; port: number; reusePort: boolean }): Promise<Listener> {
    const socket = openSocket(familyOf(ipWords(ip)), reusePort);
    await bind(socket, ip, port);
    const listener = new PortableListener(this.#listeners.length, ip, socket);
    this.#listeners.push(listener);
    socket.on('error', () => undefined);
    socket.on('message', (packet, from) => this.#fromListener(listener, packet, from));
    return listener;
  }

  async openFlow(options: FlowOptions): Promise<Flow> {
    const address = this.options.directory.addresses[options.relay];
    if (address === undefined) {
      throw new RangeError('no such relay address');
    }
    const { client } = options;
    const socket = openSocket(address.family, false);
    await bind(socket, address.ip, options.port);
    if (this.#isClosed) {
      socket.close();
      throw new Error('the data path is closed');
    }
    const clientSocket = client.kind === 'datagram' ? this.#socketOf(client.listener) : null;
    const flow = new PortableFlow(this, options, this.options, socket, clientSocket);
    this.enter(flow);
    socket.on('error', () => undefined);
    socket.on('message', (packet, from) => this.#atRelayedAddress(flow, packet, from));
    return flow;
  }

  sendControl(client: Client, packet: Uint8Array): void {
    if (client.kind === 'stream') {
      client.write(packet);
    } else if (!this.#isClosed) {
      this.#sendDatagram(this.#socketOf(client.listener), packet, client.port, client.ip);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const flow of [...this.byRelayed.values()]) {
      flow.close();
    }
    for (const listener of this.#listeners.splice(0)) {
      this.#track(closed(listener.socket));
    }
    await Promise.all(this.#closing);
  }

  override closeFlow(flow: PortableFlow): void {
    this.leave(flow);
    this.#track(closed(flow.socket));
  }

  override relayFrame(flow: PortableFlow, kind: FrameKind, frame: Uint8Array): void {
    this.fromClient(flow, kind, frame, 0, frame.length, this.nowMs());
  }

  protected override sendToPeer(
    flow: PortableFlow,
    _channel: Channel | null,
    _ip: IpWords,
    text: string,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void {
    this.#sendDatagram(flow.socket, bytes.subarray(at, at + dataBytes), port, text);
  }

  protected override sendToClient(
    flow: PortableFlow,
    channel: Channel | null,
    ip: IpWords,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void {
    const out = this.#out;
    out.set(bytes.subarray(at, at + dataBytes), DATA_HEADER_BYTES_IPV6);
    const start = wrapForClient(channel, flow.family, ip, port, out, DATA_HEADER_BYTES_IPV6, dataBytes);
    const packet = out.subarray(start, DATA_HEADER_BYTES_IPV6 + wrappedBytes(channel, dataBytes));
    const { client } = flow;
    if (client.kind === 'stream') {
      client.write(packet);
    } else if (flow.clientSocket !== null) {
      this.#sendFromOut(flow.clientSocket, packet, client.port, client.ip);
    }
  }

  #fromListener(listener: PortableListener, packet: Buffer, from: RemoteInfo): void {
    const kind = kindOf(packet, 0, packet.length);
    if (kind === FrameKind.control) {
      this.options.onControl(packet, { kind: 'datagram', listener, ip: from.address, port: from.port });
      return;
    }
    if (readIp(from.address, this.#ip)) {
      const flow = this.byClient.find(this.#ip, from.port, listener.index);
      if (flow !== null) {
        this.fromClient(flow, kind, packet, 0, packet.length, this.nowMs());
        return;
      }
    }
    this.count(Counter.droppedUnknownFlow);
  }

  #atRelayedAddress(flow: PortableFlow, packet: Buffer, from: RemoteInfo): void {
    if (flow.isOpen && readIp(from.address, this.#ip)) {
      this.fromPeer(flow, this.#ip, from.port, packet, 0, packet.length, this.nowMs());
    }
  }

  /** `packet` lies in `#out`. What the system does not take at once is queued, and must not be overwritten then. */
  #sendFromOut(socket: Socket, packet: Uint8Array, port: number, ip: string): void {
    if (socket.getSendQueueCount() > 0) {
      this.#sendDatagram(socket, Buffer.from(packet), port, ip);
      return;
    }
    this.#sendDatagram(socket, packet, port, ip);
    if (socket.getSendQueueCount() > 0) {
      this.#out = Buffer.allocUnsafe(this.#out.length);
    }
  }

  /** Without a callback: what cannot be sent is lost, as on any network. */
  #sendDatagram(socket: Socket, packet: Uint8Array, port: number, ip: string): void {
    if (port === 0 || socket.getSendQueueSize() > SOCKET_BUFFER_BYTES) {
      this.count(Counter.droppedUnsent);
    } else {
      socket.send(packet, port, ip);
    }
  }

  #socketOf(listener: Listener): Socket {
    const own = this.#listeners[listener.index];
    if (own === undefined) {
      throw new RangeError('no such listener');
    }
    return own.socket;
  }

  #track(closing: Promise<void>): void {
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }
}
