/**
 * The portable data path: Node's dgram, on every system that Node runs on. Owns its sockets and flows; the contract is
 * data-path.ts's, the rules are relaying.ts's. What goes to a client is copied once, into a send buffer that is used again.
 *
 * What comes of the packets that one turn of the event loop brought is sent at its end, in a row: every packet that is
 * sent alone may wake whoever receives it, which costs more than sending it does.
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
/** Linux reports twice what it grants, with its own bookkeeping (socket(7)). */
const REPORTED_BUFFERS = process.platform === 'linux' ? 2 : 1;
const MAX_DATAGRAM_BYTES = 65_535;
const PADDING_BYTES = 4;

/** Packets that wait for the end of the turn; with more they are sent at once. */
const MAX_QUEUED = 64;
/** Of the send buffer: a turn's worth of media, and of the longest datagrams a few. */
const SEND_BUFFER_BYTES = 4 * (DATA_HEADER_BYTES_IPV6 + MAX_DATAGRAM_BYTES + PADDING_BYTES);

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
    this.receiveBufferBytes = socket.getRecvBufferSize() / REPORTED_BUFFERS;
    this.sendBufferBytes = socket.getSendBufferSize() / REPORTED_BUFFERS;
  }
}

/** A packet to be sent; the object is used again for later ones. */
interface Queued {
  socket: Socket | null;
  packet: Uint8Array;
  port: number;
  ip: string;
}

const NO_PACKET = new Uint8Array(0);

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
  /** Where packets to clients are put together, one after the other until they are sent. */
  #out = Buffer.allocUnsafeSlow(SEND_BUFFER_BYTES);
  #outUsed = 0;
  readonly #queue: Queued[] = [];
  #queued = 0;
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
    if (this.#isClosed) {
      return;
    }
    this.#flush();
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
    this.#flush();
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
    const most = DATA_HEADER_BYTES_IPV6 + dataBytes + PADDING_BYTES;
    if (this.#outUsed + most > this.#out.length) {
      this.#flush();
    }
    const out = this.#out;
    const dataAt = this.#outUsed + DATA_HEADER_BYTES_IPV6;
    out.set(bytes.subarray(at, at + dataBytes), dataAt);
    const start = wrapForClient(channel, flow.family, ip, port, out, dataAt, dataBytes);
    const packet = out.subarray(start, dataAt + wrappedBytes(channel, dataBytes));
    const { client } = flow;
    if (client.kind === 'stream') {
      client.write(packet);
    } else if (flow.clientSocket !== null) {
      this.#outUsed += most;
      this.#sendDatagram(flow.clientSocket, packet, client.port, client.ip);
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

  #sendDatagram(socket: Socket, packet: Uint8Array, port: number, ip: string): void {
    const index = this.#queued;
    const entry = this.#queue[index];
    if (entry === undefined) {
      this.#queue.push({ socket, packet, port, ip });
    } else {
      entry.socket = socket;
      entry.packet = packet;
      entry.port = port;
      entry.ip = ip;
    }
    this.#queued = index + 1;
    if (index === 0) {
      setImmediate(() => this.#flush());
    } else if (index === MAX_QUEUED - 1) {
      this.#flush();
    }
  }

  /** Without callbacks: what cannot be sent is lost, as on any network. */
  #flush(): void {
    const count = this.#queued;
    this.#queued = 0;
    let isTaken = true;
    for (let index = 0; index < count; index += 1) {
      const entry = this.#queue[index];
      const socket = entry?.socket;
      if (!entry || !socket) {
        continue;
      }
      if (entry.port === 0 || socket.getSendQueueSize() > SOCKET_BUFFER_BYTES) {
        this.count(Counter.droppedUnsent);
      } else {
        socket.send(entry.packet, entry.port, entry.ip);
        isTaken = socket.getSendQueueCount() === 0 && isTaken;
      }
      entry.socket = null;
      entry.packet = NO_PACKET;
    }
    // What the system did not take at once lies in the send buffer still, and must not be overwritten.
    if (!isTaken) {
      this.#out = Buffer.allocUnsafeSlow(SEND_BUFFER_BYTES);
    }
    this.#outUsed = 0;
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
