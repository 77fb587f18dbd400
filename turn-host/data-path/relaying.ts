/**
 * Owns the rules by which packets pass, for every data path alike: which grant lets a packet through, what is a hop, whom
 * it is charged to, what is counted (the contract is data-path.ts's). A data path extends it with sockets: it finds the
 * flow, hands the packet over, and is told what to send. Must not know sockets, batches or STUN requests.
 *
 * A packet is a stretch of an array: nothing here makes an object for it.
 */
import { Counter, type Counters } from '../metrics/counters.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Client, DataPathOptions, Flow, FlowOptions } from './data-path.ts';
import { sameRoom } from './directory.ts';
import { FlowTable, type TableEntry } from './flow-table.ts';
import {
  CHANNEL_HEADER_BYTES,
  channelDataBytes,
  createSendFields,
  dataHeaderBytes,
  FrameKind,
  kindOf,
  paddingOf,
  readSend,
  writeChannelHeader,
  writeDataHeader,
} from './frames.ts';
import { type Channel, type Grant, Grants, type Permission } from './grants.ts';
import { type IpFamily, type IpWords, ipWords } from './ip-words.ts';

/** The listener of a stream client, which is in no table. */
const NO_LISTENER = -1;

/** What a flow needs of the data path it belongs to. */
interface FlowOwner<F> {
  readonly nowMs: () => number;
  relayFrame(flow: F, kind: FrameKind, frame: Uint8Array): void;
  closeFlow(flow: F): void;
}

/** A flow's record; what moves its packets is the data path's. */
export abstract class RelayedFlow<F extends RelayedFlow<F>> implements Flow, TableEntry<F> {
  readonly relay: number;
  readonly port: number;
  readonly client: Client;
  readonly room: Int32Array | null;
  readonly grants: Grants;
  readonly budget: ByteBudget | null;
  readonly family: IpFamily;
  /** What other flows and peers know it by. */
  readonly relayedIp: IpWords;
  readonly clientIp: IpWords;
  readonly clientPort: number;
  readonly listenerIndex: number;
  next: F | null = null;
  isOpen = true;
  readonly #owner: FlowOwner<F>;

  /** Throws `RangeError` for a relay index that there is not. */
  constructor(owner: FlowOwner<F>, { client, relay, port, room }: FlowOptions, options: DataPathOptions) {
    const { directory, limits, flowBytesPerSecond } = options;
    const address = directory.addresses[relay];
    if (address === undefined) {
      throw new RangeError('no such relay address');
    }
    this.#owner = owner;
    this.relay = relay;
    this.port = port;
    this.room = room;
    this.client = client;
    this.clientIp = ipWords(client.ip);
    this.clientPort = client.port;
    this.listenerIndex = client.kind === 'datagram' ? client.listener.index : NO_LISTENER;
    this.family = address.family;
    this.relayedIp = directory.externalWords(relay);
    this.budget = flowBytesPerSecond === null ? null : new ByteBudget(flowBytesPerSecond);
    this.grants = new Grants({
      limits,
      relayIndexOf: (ip) => directory.relayIndexOf(ip),
      onChannelGone: (channel) => this.forgetChannel(channel),
    });
  }

  permit(ips: readonly string[], expiresAtMs: number): Grant {
    return this.grants.permit(ips, this.#owner.nowMs(), expiresAtMs);
  }

  bind(channel: number, ip: string, port: number, expiresAtMs: number): Grant {
    return this.grants.bind(channel, ip, port, this.#owner.nowMs(), expiresAtMs);
  }

  isPermitted(ip: string): boolean {
    return this.grants.permissionOf(ipWords(ip), this.#owner.nowMs()) !== null;
  }

  fromClient(frame: Uint8Array): boolean {
    const kind = kindOf(frame, 0, frame.length);
    if (kind === FrameKind.control) {
      return false;
    }
    if (this.isOpen) {
      this.#owner.relayFrame(this.self, kind, frame);
    }
    return true;
  }

  close(): void {
    if (this.isOpen) {
      this.isOpen = false;
      this.#owner.closeFlow(this.self);
      this.grants.clear();
    }
  }

  protected abstract readonly self: F;
  /** What was kept in the channel's slot is needed no more. */
  protected abstract forgetChannel(channel: Channel): void;
}

export abstract class Relaying<F extends RelayedFlow<F>> implements FlowOwner<F> {
  readonly nowMs: () => number;
  protected readonly options: DataPathOptions;
  protected readonly byClient = new FlowTable<F>();
  /** By relay index and port: `relay << 16 | port`. */
  protected readonly byRelayed = new Map<number, F>();
  readonly #counters: Counters;
  readonly #totalBudget: ByteBudget | null;
  /** Of the packet at hand; overwritten by the next. */
  readonly #send = createSendFields();

  constructor(options: DataPathOptions) {
    this.options = options;
    this.nowMs = options.now;
    this.#counters = options.counters;
    this.#totalBudget =
      options.totalBytesPerSecond === null ? null : new ByteBudget(options.totalBytesPerSecond);
  }

  get flows(): number {
    return this.byRelayed.size;
  }

  /** Relays a whole message of a stream client, whose kind is not control. */
  abstract relayFrame(flow: F, kind: FrameKind, frame: Uint8Array): void;
  /** Ends what moves the flow's packets. Called once. */
  abstract closeFlow(flow: F): void;

  /**
   * Sends the payload from the flow's relayed address. `channel`, when there is one, is what the client sent it on and
   * goes to the same place. `ip` may be overwritten once the call returns; `text` is the same address written out.
   */
  protected abstract sendToPeer(
    flow: F,
    channel: Channel | null,
    ip: IpWords,
    text: string,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void;

  /** Sends the payload to the flow's client as from that peer, on `channel` when there is one. */
  protected abstract sendToClient(
    flow: F,
    channel: Channel | null,
    ip: IpWords,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void;

  protected enter(flow: F): void {
    this.byRelayed.set((flow.relay << 16) | flow.port, flow);
    if (flow.client.kind === 'datagram') {
      this.byClient.add(flow);
    }
  }

  protected leave(flow: F): void {
    this.byRelayed.delete((flow.relay << 16) | flow.port);
    if (flow.client.kind === 'datagram') {
      this.byClient.remove(flow);
    }
  }

  /** ChannelData (RFC 8656 s12.6) or a Send indication (s11.2) of the flow's client, from `start` to before `end`. */
  protected fromClient(
    flow: F,
    kind: FrameKind,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
  ): void {
    if (kind === FrameKind.channelData) {
      this.#fromChannel(flow, bytes, start, end, nowMs);
    } else {
      this.#fromSend(flow, bytes, start, end, nowMs);
    }
  }

  /** A packet at the flow's relayed address (RFC 8656 s11.3, s12.7). */
  protected fromPeer(
    flow: F,
    from: IpWords,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
    nowMs: number,
  ): void {
    const { directory, sameRoomOnly, ownPortsOpen } = this.options;
    const relay = directory.relayIndexOf(from);
    let ip = from;
    if (relay >= 0) {
      const isLive = sameRoomOnly
        ? directory.isLiveInRoom(relay, port, flow.room)
        : directory.isLive(relay, port);
      if (!isLive && !ownPortsOpen) {
        this.count(Counter.droppedByPolicy);
        return;
      }
      // Another worker's flow: it sends from the address bound to and is known by the external one.
      ip = isLive ? directory.externalWords(relay) : from;
    } else if (sameRoomOnly) {
      this.count(Counter.droppedByPolicy);
      return;
    }
    if (flow.grants.permissionOf(ip, nowMs) === null) {
      this.count(Counter.droppedNoPermission);
    } else if (this.#charge(flow, dataBytes, nowMs)) {
      this.#deliver(flow, ip, port, bytes, at, dataBytes, nowMs);
    }
  }

  protected count(counter: number, packets = 1): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + packets;
  }

  #fromChannel(flow: F, bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    const dataBytes = channelDataBytes(bytes, start, end);
    if (dataBytes < 0) {
      this.count(Counter.droppedMalformed);
      return;
    }
    const number = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    const channel = flow.grants.channelNumbered(number, nowMs);
    if (channel === null) {
      this.count(Counter.droppedNoChannel);
    } else if (flow.grants.permissionOf(channel.ip, nowMs) === null) {
      // A channel lasts longer than the permission made with it (s12).
      this.count(Counter.droppedNoPermission);
    } else {
      const at = start + CHANNEL_HEADER_BYTES;
      this.#toPeer(flow, channel, channel, channel.port, bytes, at, dataBytes, nowMs);
    }
  }

  #fromSend(flow: F, bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    const fields = this.#send;
    if (!readSend(bytes, start, end, fields) || fields.family !== flow.family) {
      this.count(Counter.droppedMalformed);
      return;
    }
    const permission = flow.grants.permissionOf(fields.ip, nowMs);
    if (permission === null) {
      this.count(Counter.droppedNoPermission);
    } else {
      this.#toPeer(flow, permission, null, fields.port, bytes, fields.dataStart, fields.dataBytes, nowMs);
    }
  }

  #toPeer(
    flow: F,
    peer: Permission | Channel,
    channel: Channel | null,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
    nowMs: number,
  ): void {
    if (peer.relay >= 0) {
      this.#hop(flow, peer, channel, port, bytes, at, dataBytes, nowMs);
    } else if (this.options.sameRoomOnly || port === 0) {
      this.count(Counter.droppedByPolicy);
    } else if (this.#charge(flow, dataBytes, nowMs)) {
      this.#countBytes(Counter.packetsFromClients, dataBytes);
      this.sendToPeer(flow, channel, peer.ip, peer.text, port, bytes, at, dataBytes);
    }
  }

  /** To a relayed address of this relay: within the process, or through the sockets to another worker. */
  #hop(
    flow: F,
    peer: Permission | Channel,
    channel: Channel | null,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
    nowMs: number,
  ): void {
    const { directory, sameRoomOnly, ownPortsOpen } = this.options;
    const target = this.byRelayed.get((peer.relay << 16) | port);
    if (target !== undefined) {
      if (sameRoomOnly && !sameRoom(flow.room, target.room)) {
        this.count(Counter.droppedByPolicy);
      } else if (target.grants.permissionOf(flow.relayedIp, nowMs) === null) {
        this.count(Counter.droppedNoPermission);
      } else if (this.#charge(flow, dataBytes, nowMs)) {
        this.#countBytes(Counter.packetsFromClients, dataBytes);
        this.#countBytes(Counter.packetsHopped, dataBytes);
        this.#deliver(target, flow.relayedIp, flow.port, bytes, at, dataBytes, nowMs);
      }
      return;
    }
    const isReachable = sameRoomOnly
      ? directory.isLiveInRoom(peer.relay, port, flow.room)
      : directory.isLive(peer.relay, port) || (ownPortsOpen && port > 0);
    if (!isReachable) {
      this.count(Counter.droppedByPolicy);
    } else if (this.#charge(flow, dataBytes, nowMs)) {
      this.#countBytes(Counter.packetsFromClients, dataBytes);
      // To the address bound to: a NAT in front need not turn the packet around.
      const ip = directory.boundWords(peer.relay);
      const text = directory.addresses[peer.relay]?.ip ?? peer.text;
      this.sendToPeer(flow, channel, ip, text, port, bytes, at, dataBytes);
    }
  }

  /** To the flow's client as from that peer, for which the flow holds a permission. */
  #deliver(
    flow: F,
    ip: IpWords,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
    nowMs: number,
  ): void {
    this.#countBytes(Counter.packetsToClients, dataBytes);
    const channel = flow.grants.channelTo(ip, port, nowMs);
    this.sendToClient(flow, channel, ip, port, bytes, at, dataBytes);
  }

  #charge(flow: F, bytes: number, nowMs: number): boolean {
    if (
      (flow.budget === null || flow.budget.take(bytes, nowMs)) &&
      (this.#totalBudget === null || this.#totalBudget.take(bytes, nowMs))
    ) {
      return true;
    }
    this.count(Counter.droppedBandwidth);
    return false;
  }

  /** The counter of packets, and that of bytes which follows it. */
  #countBytes(counter: number, bytes: number): void {
    const counters = this.#counters;
    counters[counter] = (counters[counter] ?? 0) + 1;
    counters[counter + 1] = (counters[counter + 1] ?? 0) + bytes;
  }
}

/**
 * Puts the header of what goes to a client before the payload at `at`, and the padding after it: ChannelData on a
 * channel, else a Data indication. Gives where the message begins; it ends `paddedBytes` after `at`. The array must
 * have `DATA_HEADER_BYTES_IPV6` before the payload and three octets after it.
 */
export function wrapForClient(
  channel: Channel | null,
  family: IpFamily,
  ip: IpWords,
  port: number,
  bytes: Uint8Array,
  at: number,
  dataBytes: number,
): number {
  if (channel !== null) {
    writeChannelHeader(bytes, at - CHANNEL_HEADER_BYTES, channel.number, dataBytes);
    return at - CHANNEL_HEADER_BYTES;
  }
  const start = at - dataHeaderBytes(family);
  writeDataHeader(bytes, start, family, ip, port, dataBytes);
  const end = at + wrappedBytes(null, dataBytes);
  for (let index = at + dataBytes; index < end; index += 1) {
    bytes[index] = 0;
  }
  return start;
}

/** Octets of payload and padding of what `wrapForClient` made. ChannelData over UDP needs no padding (s12.5). */
export function wrappedBytes(channel: Channel | null, dataBytes: number): number {
  return channel === null ? dataBytes + paddingOf(dataBytes) : dataBytes;
}
