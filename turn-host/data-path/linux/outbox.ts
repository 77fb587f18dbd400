/**
 * Owns what is to be sent until it is: packets queued by destination, sent many with one call (sendmmsg(2)), and those of
 * one length to one destination as one message that the kernel cuts up (udp(7), UDP_SEGMENT). Order holds within a
 * destination; what the kernel does not take is dropped and counted. Must not know flows or what the packets mean.
 *
 * A packet is a stretch of the arena; it must stay untouched until `flush`.
 */
import type { IpFamily, IpWords } from '../ip-words.ts';
import type { Arena } from './arena.ts';
import { EAGAIN, EINTR, ENOBUFS, MSG_DONTWAIT } from './constants.ts';
import type { Libc } from './libc.ts';
import { IOVEC_BYTES, type MessageHeaders, MMSGHDR_BYTES, SEGMENT_CONTROL_BYTES } from './message-headers.ts';
import { SOCKADDR_BYTES, sockaddrBytes, writeSockaddr } from './sockaddr.ts';

/** UDP_MAX_SEGMENTS of every kernel that knows it. */
const MAX_SEGMENTS = 64;
/** The longest payload that every address family takes. */
const MAX_MESSAGE_BYTES = 65_000;

/** A socket that sends. `fd` is its owner's, who flushes before closing it. */
export class Outlet {
  readonly fd: number;
  /** The outbox's own. */
  firstRoute: Route | null = null;
  lastRoute: Route | null = null;

  constructor(fd: number) {
    this.fd = fd;
  }
}

/** A destination as seen from one socket. May be pointed elsewhere while nothing is queued for it. */
export class Route {
  readonly outlet: Outlet;
  family: IpFamily;
  ip: IpWords;
  port: number;
  scope: number;
  /** The kernel refused to cut up messages on this way (no checksum offload, a smaller MTU): they go one by one. */
  isWhole = false;
  /** The outbox's own. */
  firstPacket = -1;
  lastPacket = -1;
  next: Route | null = null;

  constructor(outlet: Outlet, family: IpFamily, ip: IpWords, port: number, scope = 0) {
    this.outlet = outlet;
    this.family = family;
    this.ip = ip;
    this.port = port;
    this.scope = scope;
  }
}

export class Outbox {
  /** Octets that an outbox of that capacity takes of an arena, at most. */
  static arenaBytes(capacity: number): number {
    const each = MMSGHDR_BYTES + IOVEC_BYTES + SOCKADDR_BYTES + SEGMENT_CONTROL_BYTES;
    return capacity * each + MMSGHDR_BYTES + 320;
  }

  readonly #libc: Libc;
  readonly #onDropped: (packets: number) => void;
  readonly #arena: Arena;
  readonly #headers: MessageHeaders;
  /** Of each queued packet: where it is, its length, the next one on its route. */
  readonly #at: Int32Array;
  readonly #length: Int32Array;
  readonly #next: Int32Array;
  readonly #outlets: Outlet[] = [];
  /** Of each message being sent: its route, first vector and how many. */
  readonly #routes: Route[] = [];
  readonly #firstVector: Int32Array;
  readonly #vectors: Int32Array;
  readonly #headersAt: number;
  readonly #vectorsAt: number;
  readonly #namesAt: number;
  readonly #controlsAt: number;
  /** A header for what is sent by itself. */
  readonly #singleAt: number;
  #queued = 0;

  /**
   * `capacity` is the most that is queued before it sends by itself. `onDropped` is told how many packets were lost: the
   * socket's buffer was full, or the kernel refused them.
   */
  constructor(libc: Libc, arena: Arena, capacity: number, onDropped: (packets: number) => void) {
    this.#libc = libc;
    this.#onDropped = onDropped;
    this.#arena = arena;
    this.#headers = arena.headers;
    this.#at = new Int32Array(capacity);
    this.#length = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
    this.#firstVector = new Int32Array(capacity);
    this.#vectors = new Int32Array(capacity);
    this.#headersAt = arena.take(capacity * MMSGHDR_BYTES);
    this.#vectorsAt = arena.take(capacity * IOVEC_BYTES);
    this.#namesAt = arena.take(capacity * SOCKADDR_BYTES);
    this.#controlsAt = arena.take(capacity * SEGMENT_CONTROL_BYTES);
    this.#singleAt = arena.take(MMSGHDR_BYTES);
  }

  /** Queues the `length` octets at `at` of the arena. */
  push(route: Route, at: number, length: number): void {
    if (this.#queued === this.#at.length) {
      this.flush();
    }
    const packet = this.#queued;
    this.#queued += 1;
    this.#at[packet] = at;
    this.#length[packet] = length;
    this.#next[packet] = -1;
    if (route.lastPacket >= 0) {
      this.#next[route.lastPacket] = packet;
      route.lastPacket = packet;
      return;
    }
    route.firstPacket = packet;
    route.lastPacket = packet;
    const { outlet } = route;
    if (outlet.lastRoute === null) {
      outlet.firstRoute = route;
      this.#outlets.push(outlet);
    } else {
      outlet.lastRoute.next = route;
    }
    outlet.lastRoute = route;
  }

  /** Sends everything; what is left of it afterwards is nothing. */
  flush(): void {
    if (this.#queued === 0) {
      return;
    }
    let vector = 0;
    for (let index = 0; index < this.#outlets.length; index += 1) {
      const outlet = this.#outlets[index];
      let messages = 0;
      let route = outlet?.firstRoute ?? null;
      while (route !== null) {
        for (let packet = route.firstPacket; packet >= 0; ) {
          const first = vector;
          packet = this.#writeMessage(messages, route, packet, first);
          vector += this.#vectors[messages] ?? 0;
          messages += 1;
        }
        route.firstPacket = -1;
        route.lastPacket = -1;
        const { next } = route;
        route.next = null;
        route = next;
      }
      if (outlet !== undefined) {
        outlet.firstRoute = null;
        outlet.lastRoute = null;
        this.#send(outlet.fd, messages);
      }
    }
    this.#outlets.length = 0;
    this.#queued = 0;
  }

  /** Makes a message of the packet and of those after it that go with it. Gives the packet that does not, or -1. */
  #writeMessage(message: number, route: Route, packet: number, firstVector: number): number {
    const headers = this.#headers;
    const segmentBytes = this.#length[packet] ?? 0;
    const most = route.isWhole || segmentBytes === 0 ? 1 : MAX_SEGMENTS;
    let length = segmentBytes;
    let total = 0;
    let vectors = 0;
    let at = packet;
    // Of the datagrams that the kernel cuts a message into only the last may be shorter than the others.
    while (
      at >= 0 &&
      vectors < most &&
      length === segmentBytes &&
      (this.#length[at] ?? 0) <= length &&
      (this.#length[at] ?? 0) > 0 === segmentBytes > 0 &&
      (vectors === 0 || total + (this.#length[at] ?? 0) <= MAX_MESSAGE_BYTES)
    ) {
      length = this.#length[at] ?? 0;
      total += length;
      headers.setVector(this.#vectorsAt + (firstVector + vectors) * IOVEC_BYTES, this.#at[at] ?? 0, length);
      vectors += 1;
      at = this.#next[at] ?? -1;
    }
    const header = this.#headersAt + message * MMSGHDR_BYTES;
    const name = this.#namesAt + message * SOCKADDR_BYTES;
    writeSockaddr(this.#arena.bytes, name, route.family, route.ip, route.port, route.scope);
    headers.setOwnName(header, name, sockaddrBytes(route.family));
    headers.setVectors(header, this.#vectorsAt + firstVector * IOVEC_BYTES, vectors);
    if (vectors > 1) {
      headers.setSegments(header, this.#controlsAt + message * SEGMENT_CONTROL_BYTES, segmentBytes);
    } else {
      headers.clearControl(header);
    }
    this.#routes[message] = route;
    this.#firstVector[message] = firstVector;
    this.#vectors[message] = vectors;
    return at;
  }

  #send(fd: number, messages: number): void {
    const { sendmmsg, errno } = this.#libc;
    let sent = 0;
    let dropped = 0;
    while (sent < messages) {
      const headers = this.#arena.address + this.#headersAt + sent * MMSGHDR_BYTES;
      const taken = sendmmsg(fd, headers, messages - sent, MSG_DONTWAIT);
      if (taken > 0) {
        sent += taken;
        continue;
      }
      const reason = errno();
      if (reason === EAGAIN || reason === ENOBUFS) {
        for (; sent < messages; sent += 1) {
          dropped += this.#vectors[sent] ?? 0;
        }
      } else if (reason !== EINTR) {
        dropped += this.#sendWhole(fd, sent);
        sent += 1;
      }
    }
    if (dropped > 0) {
      this.#onDropped(dropped);
    }
  }

  /** The kernel refused a message: if it was to be cut up its parts go by themselves. Gives how many were lost. */
  #sendWhole(fd: number, message: number): number {
    const vectors = this.#vectors[message] ?? 0;
    const route = this.#routes[message];
    if (vectors <= 1 || route === undefined) {
      return vectors;
    }
    route.isWhole = true;
    const headers = this.#headers;
    let dropped = 0;
    for (let index = 0; index < vectors; index += 1) {
      const vector = this.#vectorsAt + ((this.#firstVector[message] ?? 0) + index) * IOVEC_BYTES;
      const name = this.#namesAt + message * SOCKADDR_BYTES;
      headers.setOwnName(this.#singleAt, name, sockaddrBytes(route.family));
      headers.setVectors(this.#singleAt, vector, 1);
      if (this.#libc.sendmmsg(fd, this.#arena.address + this.#singleAt, 1, MSG_DONTWAIT) !== 1) {
        dropped += 1;
      }
    }
    return dropped;
  }
}
