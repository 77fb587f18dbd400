/**
 * The batched data path: Linux' recvmmsg, sendmmsg, epoll and segmentation offload, called through koffi. Owns its
 * sockets, the memory that packets pass through and the turns of the event loop in which they do; the contract is
 * data-path.ts's, the rules are relaying.ts's. Why it is made this way: docs/decisions/0005-batched-data-path.md.
 *
 * The event loop watches the epoll set. In one round every ready socket is read, many datagrams with one call, into slots
 * of one stretch of memory; headers are put before payloads where they lie; then everything that came of it is sent. No
 * object is made for a packet. While packets come often a turn of the event loop is many rounds, which wait for packets by
 * themselves. Packets for the control plane are copied and handed over in turns of their own.
 */
import { Counter } from '../metrics/counters.ts';
import type {
  Client,
  DatagramClient,
  DataPath,
  DataPathOptions,
  Flow,
  FlowOptions,
  Listener,
} from './data-path.ts';
import { FrameKind, kindOf } from './frames.ts';
import type { Channel } from './grants.ts';
import { familyOf, formatIp, type IpFamily, type IpWords, ipWords, readIp, sameIp } from './ip-words.ts';
import { Arena } from './linux/arena.ts';
import { EAGAIN, MSG_DONTWAIT } from './linux/constants.ts';
import { IntervalTimer } from './linux/interval-timer.ts';
import type { Libc, PollHandle } from './linux/libc.ts';
import { Outbox, Outlet, Route } from './linux/outbox.ts';
import { PacketSlots, SLOT_PAYLOAD_BYTES } from './linux/packet-slots.ts';
import {
  readScope,
  readSockaddr,
  SOCKADDR_BYTES,
  scopeOf,
  sockaddrBytes,
  writeSockaddr,
} from './linux/sockaddr.ts';
import { EpollSet, Sockets } from './linux/sockets.ts';
import { RelayedFlow, Relaying, wrapForClient, wrappedBytes } from './relaying.ts';

const SOCKET_BUFFER_BYTES = 4 << 20;
/** Datagrams received before what came of them is sent. */
const SLOTS = 64;
/** With fewer slots left, what is queued is sent before more is received. */
const LEAST_FREE_SLOTS = 16;
/** Sockets looked at in one round. */
const READY_SOCKETS = 64;
/** As often in a row a socket is read in one round; the others come before the rest of its packets. */
const READS_PER_ROUND = 4;
/** A round that brought as many is followed by another at once: under load the way through the event loop is saved. */
const BUSY_ROUND_PACKETS = 32;
/** After as many packets, about a millisecond's worth, the event loop gets its turn. */
const TURN_PACKETS = 512;
/** As long a turn waits for more packets, when they come often. Whatever else the process does waits with it. */
const STAY_MS = 5;
/** Packets come often when so many rounds were needed in that time: the timer costs a wake-up, each round saves more. */
const BUSY_ROUNDS = 4;
/** Packets that wait for the control plane; more are dropped, as by a full socket buffer. */
const MAX_CONTROL_QUEUE = 1024;
/** Handed to the control plane in one turn of the event loop, so that media comes in between. */
const CONTROL_PER_TURN = 16;
/** Destinations of Send indications that a flow keeps prepared. */
const MAX_SEND_ROUTES = 8;

interface BatchedListener extends Listener {
  readonly fd: number;
  readonly outlet: Outlet;
  readonly family: IpFamily;
}

class BatchedFlow extends RelayedFlow<BatchedFlow> {
  readonly fd: number;
  readonly outlet: Outlet;
  /** To the client; null for a stream client. */
  readonly clientRoute: Route | null;
  /** By the slot of a channel. */
  readonly #channelRoutes: (Route | null)[] = [];
  readonly #sendRoutes: Route[] = [];

  constructor(
    path: BatchedDataPath,
    options: FlowOptions,
    shared: DataPathOptions,
    fd: number,
    clientListener: BatchedListener | null,
  ) {
    super(path, options, shared);
    this.fd = fd;
    this.outlet = new Outlet(fd);
    const { ip, port } = options.client;
    this.clientRoute =
      clientListener === null
        ? null
        : new Route(clientListener.outlet, clientListener.family, this.clientIp, port, scopeOf(ip));
  }

  /** The way to a channel's peer. `ip` is where that is, and stays as it is. */
  channelRoute(channel: Channel, ip: IpWords): Route {
    const kept = this.#channelRoutes[channel.slot];
    if (kept) {
      return kept;
    }
    const route = new Route(this.outlet, this.family, ip, channel.port);
    const free = this.#channelRoutes.indexOf(null);
    channel.slot = free < 0 ? this.#channelRoutes.length : free;
    this.#channelRoutes[channel.slot] = route;
    return route;
  }

  /** The way to a peer that a Send indication names; null when all that are kept have packets queued. */
  sendRoute(ip: IpWords, port: number): Route | null {
    const routes = this.#sendRoutes;
    let unused: Route | null = null;
    for (let index = 0; index < routes.length; index += 1) {
      const route = routes[index];
      if (route !== undefined) {
        if (route.port === port && sameIp(route.ip, ip)) {
          return route;
        }
        if (route.lastPacket < 0) {
          unused = route;
        }
      }
    }
    if (routes.length < MAX_SEND_ROUTES) {
      const route = new Route(this.outlet, this.family, ip, port);
      routes.push(route);
      return route;
    }
    if (unused !== null) {
      unused.ip = ip;
      unused.port = port;
      unused.isWhole = false;
    }
    return unused;
  }

  protected override get self(): BatchedFlow {
    return this;
  }

  protected override forgetChannel(channel: Channel): void {
    if (channel.slot >= 0) {
      this.#channelRoutes[channel.slot] = null;
      channel.slot = -1;
    }
  }
}

interface ControlPacket {
  readonly packet: Buffer;
  readonly client: DatagramClient;
}

/** Throws the system's error when the kernel gives no epoll descriptor. */
export function createBatchedDataPath(libc: Libc, options: DataPathOptions): DataPath {
  return new BatchedDataPath(libc, options);
}

class BatchedDataPath extends Relaying<BatchedFlow> implements DataPath {
  readonly name = 'batched';
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #slots: PacketSlots;
  readonly #outbox: Outbox;
  readonly #sockets: Sockets;
  readonly #epoll: EpollSet;
  readonly #poll: PollHandle;
  readonly #stayTimer: IntervalTimer;
  readonly #listeners: BatchedListener[] = [];
  readonly #byFd: (BatchedListener | BatchedFlow | null)[] = [];
  /** Where an answer of the control plane is put to be sent, and its address. */
  readonly #controlAt: number;
  readonly #controlNameAt: number;
  readonly #controlQueue: ControlPacket[] = [];
  /** Slots whose packets may still be queued for sending. */
  #usedSlots = 0;
  #isFlushScheduled = false;
  #isControlScheduled = false;
  /** A stream was written to: what it put off to the next tick must get one. */
  #hasWrittenStreams = false;
  /** Packets came often when this was last looked at; the timer runs. */
  #isBusy = false;
  #isLoopDue = false;
  /** Rounds with packets, of the period that began then or with the timer's last expiry. */
  #rounds = 0;
  #periodBeganMs = 0;
  /** Flows whose client is a stream: the event loop brings their packets. */
  #streamFlows = 0;
  #isClosed = false;
  /** Of the packet at hand; overwritten by the next. */
  readonly #ip: IpWords = new Int32Array(4);

  constructor(libc: Libc, options: DataPathOptions) {
    super(options);
    this.#libc = libc;
    this.#arena = new Arena(
      libc,
      PacketSlots.arenaBytes(SLOTS) +
        Outbox.arenaBytes(SLOTS) +
        SLOT_PAYLOAD_BYTES +
        READY_SOCKETS * 16 +
        IntervalTimer.arenaBytes +
        1024,
    );
    this.#slots = new PacketSlots(libc, this.#arena, SLOTS);
    this.#outbox = new Outbox(libc, this.#arena, SLOTS, (packets) =>
      this.count(Counter.droppedUnsent, packets),
    );
    this.#sockets = new Sockets(libc, this.#arena);
    this.#controlAt = this.#arena.take(SLOT_PAYLOAD_BYTES);
    this.#controlNameAt = this.#arena.take(SOCKADDR_BYTES);
    this.#epoll = new EpollSet(libc, this.#arena, READY_SOCKETS);
    this.#stayTimer = new IntervalTimer(libc, this.#arena);
    this.#epoll.add(this.#stayTimer.fd);
    this.#poll = libc.poll(this.#epoll.fd, () => this.#onReadable());
  }

  async listen({ ip, port, reusePort }: { ip: string; port: number; reusePort: boolean }): Promise<Listener> {
    const family = familyOf(ipWords(ip));
    const fd = this.#open(family, ip, port, reusePort);
    const listener: BatchedListener = {
      index: this.#listeners.length,
      ip,
      port: this.#sockets.portOf(fd),
      receiveBufferBytes: this.#sockets.receiveBufferBytes(fd),
      sendBufferBytes: this.#sockets.sendBufferBytes(fd),
      fd,
      outlet: new Outlet(fd),
      family,
    };
    this.#listeners.push(listener);
    this.#byFd[fd] = listener;
    return listener;
  }

  async openFlow(options: FlowOptions): Promise<Flow> {
    const address = this.options.directory.addresses[options.relay];
    if (address === undefined) {
      throw new RangeError('no such relay address');
    }
    const { client } = options;
    const listener = client.kind === 'datagram' ? this.#ownListener(client.listener) : null;
    const fd = this.#open(address.family, address.ip, options.port, false);
    const flow = new BatchedFlow(this, options, this.options, fd, listener);
    this.#byFd[fd] = flow;
    this.enter(flow);
    this.#streamFlows += listener === null ? 1 : 0;
    return flow;
  }

  sendControl(client: Client, packet: Uint8Array): void {
    if (client.kind === 'stream') {
      client.write(packet);
      return;
    }
    const listener = this.#listeners[client.listener.index];
    if (this.#isClosed || listener === undefined || packet.length > SLOT_PAYLOAD_BYTES) {
      return;
    }
    if (!readIp(client.ip, this.#ip)) {
      return;
    }
    const { bytes, address } = this.#arena;
    const { fd, family } = listener;
    bytes.set(packet, this.#controlAt);
    writeSockaddr(bytes, this.#controlNameAt, family, this.#ip, client.port, scopeOf(client.ip));
    const name = address + this.#controlNameAt;
    const data = address + this.#controlAt;
    if (this.#libc.sendto(fd, data, packet.length, MSG_DONTWAIT, name, sockaddrBytes(family)) < 0) {
      this.count(Counter.droppedUnsent);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    for (const flow of [...this.byRelayed.values()]) {
      flow.close();
    }
    this.#flush();
    this.#isClosed = true;
    this.#controlQueue.length = 0;
    // First the watch, then what is watched: the loop never sees a descriptor that is another's by then.
    this.#poll.close();
    for (const listener of this.#listeners.splice(0)) {
      this.#byFd[listener.fd] = null;
      this.#sockets.close(listener.fd);
    }
    this.#stayTimer.close();
    this.#epoll.close();
  }

  override closeFlow(flow: BatchedFlow): void {
    // What is queued names the descriptor, whose number the next socket may get.
    this.#outbox.flush();
    this.leave(flow);
    this.#streamFlows -= flow.clientRoute === null ? 1 : 0;
    this.#byFd[flow.fd] = null;
    this.#epoll.remove(flow.fd);
    this.#sockets.close(flow.fd);
  }

  /** Frames of one read of a stream are sent together, once the callback that brought them has ended. */
  override relayFrame(flow: BatchedFlow, kind: FrameKind, frame: Uint8Array): void {
    if (frame.length > SLOT_PAYLOAD_BYTES) {
      this.count(Counter.droppedMalformed);
      return;
    }
    if (this.#usedSlots === SLOTS) {
      this.#flush();
    }
    const at = this.#slots.payloadAt(this.#usedSlots);
    this.#usedSlots += 1;
    this.#arena.bytes.set(frame, at);
    this.fromClient(flow, kind, this.#arena.bytes, at, at + frame.length, this.nowMs());
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true;
      queueMicrotask(() => {
        this.#isFlushScheduled = false;
        this.#flush();
      });
    }
  }

  protected override sendToPeer(
    flow: BatchedFlow,
    channel: Channel | null,
    ip: IpWords,
    _text: string,
    port: number,
    _bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void {
    let route = channel === null ? flow.sendRoute(ip, port) : flow.channelRoute(channel, ip);
    if (route === null) {
      this.#outbox.flush();
      route = flow.sendRoute(ip, port);
    }
    if (route !== null) {
      this.#outbox.push(route, at, dataBytes);
    }
  }

  protected override sendToClient(
    flow: BatchedFlow,
    channel: Channel | null,
    ip: IpWords,
    port: number,
    bytes: Uint8Array,
    at: number,
    dataBytes: number,
  ): void {
    const start = wrapForClient(channel, flow.family, ip, port, bytes, at, dataBytes);
    const length = at - start + wrappedBytes(channel, dataBytes);
    if (flow.clientRoute !== null) {
      this.#outbox.push(flow.clientRoute, start, length);
    } else if (flow.client.kind === 'stream') {
      flow.client.write(bytes.subarray(start, start + length));
      this.#hasWrittenStreams = true;
    }
  }

  #onReadable(): void {
    if (this.#isClosed) {
      return;
    }
    try {
      this.#takeTurn();
    } catch (error) {
      // Thrown here it would be lost in native code; so it ends the process as any error nobody expected.
      setImmediate(() => {
        throw error;
      });
    }
    if (this.#hasWrittenStreams) {
      this.#hasWrittenStreams = false;
      setImmediate(() => undefined);
    }
  }

  #takeTurn(): void {
    if (this.#isBusy && this.#streamFlows === 0) {
      this.#stay();
      return;
    }
    let left = TURN_PACKETS;
    let packets: number;
    do {
      packets = this.#round(this.#epoll.ready());
      left -= packets;
    } while (packets >= BUSY_ROUND_PACKETS && left > 0);
    this.#watchPace();
  }

  /** Whether turns are to wait for packets from now on. */
  #watchPace(): void {
    const nowMs = this.nowMs();
    const passedMs = nowMs - this.#periodBeganMs;
    if (this.#isBusy || (passedMs >= 0 && passedMs < STAY_MS)) {
      return;
    }
    const isBusy = this.#rounds >= BUSY_ROUNDS && passedMs < 2 * STAY_MS && this.#streamFlows === 0;
    this.#isBusy = isBusy && this.#stayTimer.start(STAY_MS);
    this.#rounds = 0;
    this.#periodBeganMs = nowMs;
  }

  /**
   * Rounds that wait for packets themselves, until the timer is due or the event loop is needed: the way through it costs
   * as much as relaying a few packets.
   */
  #stay(): void {
    this.#isLoopDue = false;
    while (!this.#isLoopDue && !this.#isControlScheduled && !this.#hasWrittenStreams) {
      this.#round(this.#epoll.waitUntilReady());
    }
  }

  #onStayTimer(): void {
    this.#stayTimer.taken();
    this.#isLoopDue = true;
    if (this.#rounds < BUSY_ROUNDS || this.#streamFlows > 0) {
      this.#isBusy = false;
      this.#stayTimer.stop();
    }
    this.#rounds = 0;
  }

  /** Reads what is ready and sends what came of it. Gives the packets read. */
  #round(ready: number): number {
    const nowMs = this.nowMs();
    let packets = 0;
    for (let index = 0; index < ready; index += 1) {
      const fd = this.#epoll.readyFd(index);
      const owner = this.#byFd[fd];
      if (owner) {
        packets += this.#read(owner, nowMs);
      } else if (fd === this.#stayTimer.fd) {
        this.#onStayTimer();
      }
    }
    this.#flush();
    this.#rounds += packets > 0 ? 1 : 0;
    return packets;
  }

  #read(owner: BatchedListener | BatchedFlow, nowMs: number): number {
    let packets = 0;
    for (let reads = 0; reads < READS_PER_ROUND; reads += 1) {
      if (SLOTS - this.#usedSlots < LEAST_FREE_SLOTS) {
        this.#flush();
      }
      const first = this.#usedSlots;
      const came = this.#slots.receive(owner.fd, first);
      if (came < 0) {
        if (this.#libc.errno() === EAGAIN) {
          break;
        }
        // The error was the socket's (an ICMP message) and is taken from it now; packets may be behind it.
        continue;
      }
      this.#usedSlots = first + came;
      packets += came;
      if (owner instanceof BatchedFlow) {
        this.#fromRelayedAddress(owner, first, came, nowMs);
      } else {
        this.#fromListener(owner, first, came, nowMs);
      }
      if (first + came < SLOTS) {
        break;
      }
    }
    return packets;
  }

  #fromListener(listener: BatchedListener, first: number, count: number, nowMs: number): void {
    const { bytes } = this.#arena;
    const ip = this.#ip;
    let flow: BatchedFlow | null = null;
    for (let slot = first; slot < first + count; slot += 1) {
      const at = this.#slots.payloadAt(slot);
      const end = at + this.#slots.payloadBytes(slot);
      const port = readSockaddr(bytes, this.#slots.nameAt(slot), ip);
      const kind = kindOf(bytes, at, end);
      if (this.#slots.isTruncated(slot)) {
        this.count(Counter.droppedMalformed);
      } else if (kind === FrameKind.control) {
        this.#queueControl(listener, slot, at, end, port);
      } else {
        // Packets of one client come in a row.
        if (flow === null || !flow.isOpen || flow.clientPort !== port || !sameIp(flow.clientIp, ip)) {
          flow = this.byClient.find(ip, port, listener.index);
        }
        if (flow === null) {
          this.count(Counter.droppedUnknownFlow);
        } else {
          this.fromClient(flow, kind, bytes, at, end, nowMs);
        }
      }
    }
  }

  #fromRelayedAddress(flow: BatchedFlow, first: number, count: number, nowMs: number): void {
    const { bytes } = this.#arena;
    const ip = this.#ip;
    for (let slot = first; slot < first + count && flow.isOpen; slot += 1) {
      const at = this.#slots.payloadAt(slot);
      const port = readSockaddr(bytes, this.#slots.nameAt(slot), ip);
      if (this.#slots.isTruncated(slot)) {
        this.count(Counter.droppedMalformed);
      } else {
        this.fromPeer(flow, ip, port, bytes, at, this.#slots.payloadBytes(slot), nowMs);
      }
    }
  }

  #queueControl(listener: BatchedListener, slot: number, at: number, end: number, port: number): void {
    if (this.#controlQueue.length >= MAX_CONTROL_QUEUE) {
      this.count(Counter.droppedControl);
      return;
    }
    const scope = readScope(this.#arena.bytes, this.#slots.nameAt(slot));
    const ip = scope === 0 ? formatIp(this.#ip) : `${formatIp(this.#ip)}%${scope}`;
    this.#controlQueue.push({
      packet: Buffer.from(this.#arena.bytes.subarray(at, end)),
      client: { kind: 'datagram', listener, ip, port },
    });
    this.#scheduleControl();
  }

  #scheduleControl(): void {
    if (!this.#isControlScheduled) {
      this.#isControlScheduled = true;
      setImmediate(() => this.#handOverControl());
    }
  }

  #handOverControl(): void {
    this.#isControlScheduled = false;
    const packets = this.#controlQueue.splice(0, CONTROL_PER_TURN);
    if (this.#controlQueue.length > 0) {
      this.#scheduleControl();
    }
    for (const { packet, client } of packets) {
      if (!this.#isClosed) {
        this.options.onControl(packet, client);
      }
    }
  }

  #flush(): void {
    this.#outbox.flush();
    this.#usedSlots = 0;
  }

  #open(family: IpFamily, ip: string, port: number, reusePort: boolean): number {
    if (this.#isClosed) {
      throw new Error('the data path is closed');
    }
    const fd = this.#sockets.open({ family, ip, port, reusePort, bufferBytes: SOCKET_BUFFER_BYTES });
    try {
      this.#epoll.add(fd);
    } catch (error) {
      this.#sockets.close(fd);
      throw error;
    }
    return fd;
  }

  #ownListener(listener: Listener): BatchedListener {
    const own = this.#listeners[listener.index];
    if (own === undefined) {
      throw new RangeError('no such listener');
    }
    return own;
  }
}
