/**
 * The portable data path: Node's dgram, on every system that Node runs on. Owns its sockets and flows; the contract is
 * data-path.ts's. What is relayed is copied once, into one send buffer that is used again for every packet.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Counter, type Counters } from '../metrics/counters.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Client, DataPath, DataPathOptions, Flow, FlowOptions, Listener } from './data-path.ts';
import { sameRoom } from './directory.ts';
import { FlowTable, type TableEntry } from './flow-table.ts';
import {
  CHANNEL_HEADER_BYTES,
  channelDataBytes,
  createSendFields,
  DATA_HEADER_BYTES_IPV6,
  dataHeaderBytes,
  FrameKind,
  kindOf,
  paddingOf,
  readSend,
  writeChannelHeader,
  writeDataHeader,
} from './frames.ts';
import { type Channel, type Grant, Grants, type Permission } from './grants.ts';
import { familyOf, type IpFamily, type IpWords, ipWords, readIp } from './ip-words.ts';

const SOCKET_BUFFER_BYTES = 4 << 20;
const MAX_DATAGRAM_BYTES = 65_535;
const PADDING_BYTES = 4;
/** The indexes of a stream client, which is in no table. */
const NO_LISTENER = -1;

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

/** A flow's record; what moves packets is the data path's. */
class PortableFlow implements Flow, TableEntry<PortableFlow> {
  readonly relay: number;
  readonly port: number;
  readonly client: Client;
  readonly room: Int32Array | null;
  readonly grants: Grants;
  readonly budget: ByteBudget | null;
  readonly family: IpFamily;
  readonly socket: Socket;
  /** What other flows know it by. */
  readonly relayedIp: IpWords;
  readonly clientIp: IpWords;
  readonly clientPort: number;
  readonly listenerIndex: number;
  /** Where the client's packets go out; null for a stream client. */
  readonly clientSocket: Socket | null;
  next: PortableFlow | null = null;
  isOpen = true;
  readonly #path: PortableDataPath;

  constructor(path: PortableDataPath, options: FlowOptions, socket: Socket, parts: FlowParts) {
    this.#path = path;
    this.relay = options.relay;
    this.port = options.port;
    this.client = options.client;
    this.room = options.room;
    this.socket = socket;
    this.grants = parts.grants;
    this.budget = parts.budget;
    this.relayedIp = parts.relayedIp;
    this.family = parts.family;
    const { client } = options;
    this.clientIp = ipWords(client.ip);
    this.clientPort = client.port;
    this.listenerIndex = client.kind === 'datagram' ? client.listener.index : NO_LISTENER;
    this.clientSocket = parts.clientSocket;
  }

  permit(ips: readonly string[], expiresAtMs: number): Grant {
    return this.grants.permit(ips, this.#path.now(), expiresAtMs);
  }

  bind(channel: number, ip: string, port: number, expiresAtMs: number): Grant {
    return this.grants.bind(channel, ip, port, this.#path.now(), expiresAtMs);
  }

  isPermitted(ip: string): boolean {
    return this.grants.permissionOf(ipWords(ip), this.#path.now()) !== null;
  }

  fromClient(frame: Uint8Array): boolean {
    const kind = kindOf(frame, 0, frame.length);
    if (kind === FrameKind.control) {
      return false;
    }
    this.#path.relayFromClient(this, kind, frame);
    return true;
  }

  close(): void {
    this.#path.closeFlow(this);
  }
}

interface FlowParts {
  readonly grants: Grants;
  readonly budget: ByteBudget | null;
  readonly family: IpFamily;
  readonly relayedIp: IpWords;
  readonly clientSocket: Socket | null;
}

export function createPortableDataPath(options: DataPathOptions): DataPath {
  return new PortableDataPath(options);
}

class PortableDataPath implements DataPath {
  readonly name = 'portable';
  readonly now: () => number;
  readonly #options: DataPathOptions;
  readonly #counters: Counters;
  readonly #totalBudget: ByteBudget | null;
  readonly #listeners: PortableListener[] = [];
  readonly #byClient = new FlowTable<PortableFlow>();
  /** By relay index and port: `relay << 16 | port`. */
  readonly #byRelayed = new Map<number, PortableFlow>();
  readonly #closing = new Set<Promise<void>>();
  /** Of the packet at hand; overwritten by the next. */
  readonly #send = createSendFields();
  readonly #ip: IpWords = new Int32Array(4);
  /** Where a packet is put together that is sent before the next one comes. */
  #out = Buffer.allocUnsafe(DATA_HEADER_BYTES_IPV6 + MAX_DATAGRAM_BYTES + PADDING_BYTES);
  #isClosed = false;

  constructor(options: DataPathOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.now = options.now;
    this.#totalBudget =
      options.totalBytesPerSecond === null ? null : new ByteBudget(options.totalBytesPerSecond);
  }

  get flows(): number {
    return this.#byRelayed.size;
  }

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
    const { directory, limits, flowBytesPerSecond } = this.#options;
    const address = directory.addresses[options.relay];
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
    const flow = new PortableFlow(this, options, socket, {
      grants: new Grants({ limits, relayIndexOf: (ip) => directory.relayIndexOf(ip) }),
      budget: flowBytesPerSecond === null ? null : new ByteBudget(flowBytesPerSecond),
      family: address.family,
      relayedIp: directory.externalWords(options.relay),
      clientSocket: client.kind === 'datagram' ? this.#socketOf(client.listener) : null,
    });
    this.#byRelayed.set((flow.relay << 16) | flow.port, flow);
    if (client.kind === 'datagram') {
      this.#byClient.add(flow);
    }
    socket.on('error', () => undefined);
    socket.on('message', (packet, from) => this.#fromPeer(flow, packet, from));
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
    for (const flow of [...this.#byRelayed.values()]) {
      this.closeFlow(flow);
    }
    for (const listener of this.#listeners.splice(0)) {
      this.#track(closed(listener.socket));
    }
    await Promise.all(this.#closing);
  }

  /** For flows of this data path only. */
  closeFlow(flow: PortableFlow): void {
    if (!flow.isOpen) {
      return;
    }
    flow.isOpen = false;
    flow.grants.clear();
    this.#byRelayed.delete((flow.relay << 16) | flow.port);
    if (flow.client.kind === 'datagram') {
      this.#byClient.remove(flow);
    }
    this.#track(closed(flow.socket));
  }

  /** For flows of this data path only: ChannelData (RFC 8656 s12.6) or a Send indication (s11.2). */
  relayFromClient(flow: PortableFlow, kind: FrameKind, frame: Uint8Array): void {
    if (!flow.isOpen) {
      return;
    }
    if (kind === FrameKind.channelData) {
      this.#relayChannelData(flow, frame);
    } else {
      this.#relaySend(flow, frame);
    }
  }

  #fromListener(listener: PortableListener, packet: Buffer, from: RemoteInfo): void {
    const kind = kindOf(packet, 0, packet.length);
    if (kind === FrameKind.control) {
      this.#options.onControl(packet, { kind: 'datagram', listener, ip: from.address, port: from.port });
      return;
    }
    if (readIp(from.address, this.#ip)) {
      const flow = this.#byClient.find(this.#ip, from.port, listener.index);
      if (flow !== null) {
        this.relayFromClient(flow, kind, packet);
        return;
      }
    }
    this.#count(Counter.droppedUnknownFlow);
  }

  #relayChannelData(flow: PortableFlow, frame: Uint8Array): void {
    const dataBytes = channelDataBytes(frame, 0, frame.length);
    if (dataBytes < 0) {
      this.#count(Counter.droppedMalformed);
      return;
    }
    const nowMs = this.now();
    const channel = flow.grants.channelNumbered(((frame[0] ?? 0) << 8) | (frame[1] ?? 0), nowMs);
    if (channel === null) {
      this.#count(Counter.droppedNoChannel);
    } else if (flow.grants.permissionOf(channel.ip, nowMs) === null) {
      // A channel lasts longer than the permission made with it (s12).
      this.#count(Counter.droppedNoPermission);
    } else {
      const data = frame.subarray(CHANNEL_HEADER_BYTES, CHANNEL_HEADER_BYTES + dataBytes);
      this.#toPeer(flow, channel, channel.port, data, nowMs);
    }
  }

  #relaySend(flow: PortableFlow, frame: Uint8Array): void {
    const fields = this.#send;
    if (!readSend(frame, 0, frame.length, fields) || fields.family !== flow.family) {
      this.#count(Counter.droppedMalformed);
      return;
    }
    const nowMs = this.now();
    const permission = flow.grants.permissionOf(fields.ip, nowMs);
    if (permission === null) {
      this.#count(Counter.droppedNoPermission);
      return;
    }
    const data = frame.subarray(fields.dataStart, fields.dataStart + fields.dataBytes);
    this.#toPeer(flow, permission, fields.port, data, nowMs);
  }

  #toPeer(
    flow: PortableFlow,
    peer: Permission | Channel,
    port: number,
    data: Uint8Array,
    nowMs: number,
  ): void {
    if (peer.relay >= 0) {
      this.#hop(flow, peer, port, data, nowMs);
    } else if (this.#options.sameRoomOnly || port === 0) {
      this.#count(Counter.droppedByPolicy);
    } else if (this.#charge(flow, data.length, nowMs)) {
      this.#sendDatagram(flow.socket, data, port, peer.text);
      this.#countBytes(Counter.packetsFromClients, data.length);
    }
  }

  /** To a relayed address of this relay: within the process, or through the sockets to another worker. */
  #hop(flow: PortableFlow, peer: Permission | Channel, port: number, data: Uint8Array, nowMs: number): void {
    const { directory, sameRoomOnly, ownPortsOpen } = this.#options;
    const target = this.#byRelayed.get((peer.relay << 16) | port);
    if (target !== undefined) {
      if (sameRoomOnly && !sameRoom(flow.room, target.room)) {
        this.#count(Counter.droppedByPolicy);
      } else if (target.grants.permissionOf(flow.relayedIp, nowMs) === null) {
        this.#count(Counter.droppedNoPermission);
      } else if (this.#charge(flow, data.length, nowMs)) {
        this.#countBytes(Counter.packetsFromClients, data.length);
        this.#countBytes(Counter.packetsHopped, data.length);
        this.#deliver(target, flow.relayedIp, flow.port, data, nowMs);
      }
      return;
    }
    const isReachable = sameRoomOnly
      ? directory.isLiveInRoom(peer.relay, port, flow.room)
      : directory.isLive(peer.relay, port) || (ownPortsOpen && port > 0);
    if (!isReachable) {
      this.#count(Counter.droppedByPolicy);
    } else if (this.#charge(flow, data.length, nowMs)) {
      // To the address bound to: a NAT in front need not turn the packet around.
      this.#sendDatagram(flow.socket, data, port, directory.addresses[peer.relay]?.ip ?? peer.text);
      this.#countBytes(Counter.packetsFromClients, data.length);
    }
  }

  /** A packet at a relayed address (RFC 8656 s11.3, s12.7). */
  #fromPeer(flow: PortableFlow, packet: Buffer, from: RemoteInfo): void {
    const { directory, sameRoomOnly, ownPortsOpen } = this.#options;
    if (!flow.isOpen || !readIp(from.address, this.#ip)) {
      return;
    }
    const nowMs = this.now();
    const relay = directory.relayIndexOf(this.#ip);
    let ip = this.#ip;
    if (relay >= 0) {
      const isLive = sameRoomOnly
        ? directory.isLiveInRoom(relay, from.port, flow.room)
        : directory.isLive(relay, from.port);
      if (!isLive && !ownPortsOpen) {
        this.#count(Counter.droppedByPolicy);
        return;
      }
      // Another worker's flow: it sends from the address bound to and is known by the external one.
      ip = isLive ? directory.externalWords(relay) : ip;
    } else if (sameRoomOnly) {
      this.#count(Counter.droppedByPolicy);
      return;
    }
    if (flow.grants.permissionOf(ip, nowMs) === null) {
      this.#count(Counter.droppedNoPermission);
    } else if (this.#charge(flow, packet.length, nowMs)) {
      this.#deliver(flow, ip, from.port, packet, nowMs);
    }
  }

  /** To the flow's client as from that peer, for which the flow holds a permission. */
  #deliver(flow: PortableFlow, ip: IpWords, port: number, data: Uint8Array, nowMs: number): void {
    const out = this.#out;
    const channel = flow.grants.channelTo(ip, port, nowMs);
    let end: number;
    if (channel !== null) {
      writeChannelHeader(out, 0, channel.number, data.length);
      out.set(data, CHANNEL_HEADER_BYTES);
      end = CHANNEL_HEADER_BYTES + data.length;
    } else {
      const dataAt = dataHeaderBytes(flow.family);
      writeDataHeader(out, 0, flow.family, ip, port, data.length);
      out.set(data, dataAt);
      end = dataAt + data.length + paddingOf(data.length);
      out.fill(0, dataAt + data.length, end);
    }
    const packet = out.subarray(0, end);
    const { client } = flow;
    if (client.kind === 'stream') {
      client.write(packet);
    } else if (flow.clientSocket !== null) {
      this.#sendFromOut(flow.clientSocket, packet, client.port, client.ip);
    }
    this.#countBytes(Counter.packetsToClients, data.length);
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
      this.#count(Counter.droppedUnsent);
    } else {
      socket.send(packet, port, ip);
    }
  }

  #charge(flow: PortableFlow, bytes: number, nowMs: number): boolean {
    if (
      (flow.budget === null || flow.budget.take(bytes, nowMs)) &&
      (this.#totalBudget === null || this.#totalBudget.take(bytes, nowMs))
    ) {
      return true;
    }
    this.#count(Counter.droppedBandwidth);
    return false;
  }

  /** The counter of packets, and that of bytes which follows it. */
  #countBytes(counter: number, bytes: number): void {
    const counters = this.#counters;
    counters[counter] = (counters[counter] ?? 0) + 1;
    counters[counter + 1] = (counters[counter + 1] ?? 0) + bytes;
  }

  #count(counter: number): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + 1;
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
