/**
 * Owns the seam to node-turn 0.0.6: its dispatch, codec and allocation records, with its faults corrected at the
 * handlers it exposes. Nothing outside this folder sees a node-turn object. Must not know rooms or processes.
 */

import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import Server from 'node-turn';
import Address from 'node-turn/lib/address.js';
import Allocation from 'node-turn/lib/allocation.js';
import Message from 'node-turn/lib/message.js';
import Transport, { type AnswerSocket } from 'node-turn/lib/transport.js';
import type User from 'node-turn/lib/user.js';
import type { TurnHostConfig } from '../config.ts';
import { createPeerPolicy, type PeerPolicy } from '../peer-policy.ts';
import { AllocationQuota } from './allocation-quota.ts';
import { type Authenticate, allocationEndMs, createAuthenticator } from './authentication.ts';
import { type Grant, RelayedAllocation } from './relayed-allocation.ts';
import { accept, IncomingMessage, MessageClass, Method, refuse, refuseUnknown } from './stun-message.ts';

const UDP = 0x11;
const IPV4 = 1;
const DEFAULT_LIFETIME_SECONDS = 600;
const MAX_LIFETIME_SECONDS = 3600;
/** Ports found taken by other programs before an Allocate is given up. */
const PORT_ATTEMPTS = 64;
/** A full room's links from a client with two network interfaces, and as many again while all of them restart ICE. */
const MAX_ALLOCATIONS_PER_USER = 64;
const SOFTWARE = 'Parley';
const SERVED_METHODS: ReadonlySet<number> = new Set([
  Method.allocate,
  Method.refresh,
  Method.createPermission,
  Method.channelBind,
]);

export interface EngineOptions {
  readonly config: TurnHostConfig;
  /** One line a life-cycle event; never a user name or an address. */
  readonly log: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** The addresses are strings already, so dgram need not ask a resolver. */
function openSocket(): Socket {
  return createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, IPV4) });
}

async function bind(socket: Socket, address: string, port: number): Promise<void> {
  // Registered first: with an address that needs no look-up the event comes before `bind` returns.
  const listening = once(socket, 'listening');
  socket.bind({ address, port, exclusive: true });
  await listening;
}

/** A TURN server over UDP. Make one, `listen()`, `stop()`. */
export class TurnEngine {
  readonly #options: EngineOptions;
  readonly #server: Server;
  readonly #authenticate: Authenticate;
  readonly #policy: PeerPolicy;
  readonly #listener = openSocket();
  readonly #answers: AnswerSocket;
  readonly #relays = new Map<string, RelayedAllocation>();
  readonly #livePorts = new Set<number>();
  readonly #quota: AllocationQuota;
  /** Allocate requests between their authentication and their answer: five-tuple to transaction id. */
  readonly #pending = new Map<string, string>();
  #local: Address;
  #stopped = false;

  constructor(options: EngineOptions) {
    const { config, now } = options;
    this.#options = options;
    this.#local = new Address(config.listenAddress, config.port);
    this.#quota = new AllocationQuota({
      perUser: MAX_ALLOCATIONS_PER_USER,
      inAll: config.maxPort - config.minPort + 1,
    });
    this.#authenticate = createAuthenticator({ secrets: config.secrets, realm: config.realm, now });
    this.#policy = createPeerPolicy({
      name: config.peerPolicy,
      isLiveRelay: (ip, port) => ip === config.relayAddress && this.#livePorts.has(port),
      hasLiveRelay: (ip) => ip === config.relayAddress,
    });
    this.#answers = {
      send: (packet, port, address) => this.#sendToClient(packet, port, address),
    };
    this.#server = this.#correctedServer();
  }

  /** Binds the listening port; gives it. Rejects with the system's error, after which the engine is of no use. */
  async listen(): Promise<number> {
    const { listenAddress, port } = this.#options.config;
    await bind(this.#listener, listenAddress, port);
    const bound = this.#listener.address().port;
    this.#local = new Address(listenAddress, bound);
    this.#listener.on('error', () => this.#options.log('listening socket reported an error'));
    this.#listener.on('message', (packet, from) => this.#receive(packet, from.address, from.port));
    return bound;
  }

  /** Closes every socket and clears every timer. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) {
      return;
    }
    this.#stopped = true;
    for (const relay of [...this.#relays.values()]) {
      this.#release(relay);
    }
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #correctedServer(): Server {
    const { config } = this.#options;
    const server = new Server({
      listeningIps: [config.listenAddress],
      listeningPort: config.port,
      relayIps: [config.relayAddress],
      authMech: 'long-term',
      realm: config.realm,
      minPort: config.minPort,
      maxPort: config.maxPort,
      debugLevel: 'OFF',
      log: () => undefined,
    });
    server.software = SOFTWARE;
    server.allocations = Object.create(null) as Record<string, Allocation>;
    server.authentification.auth = (message, done) => this.#authorize(message, done);
    server.allocate.allocate = (message, reply) => {
      this.#allocate(message, reply).catch(() => refuse(reply, 500, 'Server Error'));
    };
    server.refresh.refresh = (message, reply) => this.#refresh(message, reply);
    server.createPermission.createPermission = (message, reply) => this.#createPermission(message, reply);
    server.channelBind.channelBind = (message, reply) => this.#channelBind(message, reply);
    server.send.send = (message) => this.#send(message);
    return server;
  }

  #receive(packet: Buffer, address: string, port: number): void {
    // The guard of last resort: whatever a packet holds, it must not reach the process (RFC 8489 s6.3: discard).
    try {
      const transport = new Transport(UDP, new Address(address, port), this.#local, this.#answers);
      const first = packet[0] ?? 0xff;
      if (first >= 0x40 && first <= 0x7f && packet.length >= 4) {
        this.#relays.get(transport.get5Tuple())?.fromChannel(packet);
        return;
      }
      const message = new IncomingMessage(this.#server, transport);
      if (message.read(packet)) {
        this.#dispatch(message);
      }
    } catch {
      this.#options.log('a packet was dropped: it could not be handled');
    }
  }

  /** Keeps from node-turn what it would answer wrongly, and hands it the rest. */
  #dispatch(message: IncomingMessage): void {
    const isRequest = message.class === MessageClass.request;
    if (!isRequest) {
      // Responses are not for a server; of indications only Send has a meaning here (RFC 8656 s11.2).
      const usable = message.class === MessageClass.indication && message.method === Method.send;
      if (!usable || message.malformed || message.unknownRequired.length > 0) {
        return;
      }
    } else if (message.getAttribute('fingerprint') !== false) {
      if (message.method === Method.binding && message.unknownRequired.length > 0) {
        refuseUnknown(message.reply(), message.unknownRequired);
        return;
      }
      if (message.method !== Method.binding && !SERVED_METHODS.has(message.method)) {
        refuse(message.reply(), 400, 'Bad Request');
        return;
      }
    }
    this.#server.emit('message', message);
  }

  #authorize(message: Message, done: (error: Error | null, reply: Message) => void): void {
    const reply = message.reply();
    const relay = this.#relays.get(message.transport.get5Tuple());
    if (!(message instanceof IncomingMessage)) {
      return;
    }
    this.#authenticate(message, reply, relay?.allocation.user ?? null)
      .then((authentication) => {
        if (authentication.outcome === 'outlived' && relay !== undefined) {
          this.#release(relay);
        }
        if (authentication.outcome !== 'accepted' || this.#stopped) {
          return;
        }
        const { user } = authentication;
        message.setUser(user);
        reply.setUser(user);
        // RFC 8489 s9.2.4, s6.3.1: unknown required attributes are looked at once the request is authenticated.
        if (message.unknownRequired.length > 0) {
          refuseUnknown(reply, message.unknownRequired);
        } else if (message.malformed) {
          refuse(reply, 400, 'Bad Request');
        } else {
          done(null, reply);
        }
      })
      .catch(() => refuse(reply, 500, 'Server Error'));
  }

  async #allocate(message: Message, reply: Message): Promise<void> {
    const { config, now } = this.#options;
    const fiveTuple = message.transport.get5Tuple();
    const existing = this.#relays.get(fiveTuple);
    const { user } = message;
    if (!(message instanceof IncomingMessage) || user === null) {
      return;
    }
    if (existing !== undefined) {
      // RFC 8656 s7.2: a retransmission is answered as the first was; another request is a mismatch.
      if (existing.allocation.transactionID === message.transactionID) {
        this.#answerAllocate(reply, existing.allocation);
      } else {
        refuse(reply, 437, 'Allocation Mismatch');
      }
      return;
    }
    const pending = this.#pending.get(fiveTuple);
    if (pending !== undefined) {
      if (pending !== message.transactionID) {
        refuse(reply, 437, 'Allocation Mismatch');
      }
      return;
    }
    const transport = message.getAttribute('requested-transport');
    if (transport === undefined || (message.reservation && message.evenPortReserve !== null)) {
      refuse(reply, 400, 'Bad Request');
      return;
    }
    if (transport !== UDP) {
      refuse(reply, 442, 'Unsupported Transport Protocol');
      return;
    }
    if (message.addressFamily !== null && message.addressFamily !== IPV4) {
      refuse(reply, 440, 'Address Family not Supported');
      return;
    }
    // No port is ever held in reserve, so no token is good and none can be given (RFC 8656 s7.2).
    if (message.reservation || message.evenPortReserve === true) {
      refuse(reply, 508, 'Insufficient Capacity');
      return;
    }
    // RFC 8656 s7.2: 486 is about this user, 508 about the server.
    const admission = this.#quota.admit(user.username);
    if (admission === 'user-full') {
      refuse(reply, 486, 'Allocation Quota Reached');
      return;
    }
    if (admission === 'full') {
      refuse(reply, 508, 'Insufficient Capacity');
      return;
    }
    let made = false;
    this.#pending.set(fiveTuple, message.transactionID);
    try {
      const socket = await this.#openRelaySocket(message.evenPortReserve !== null);
      if (socket === null) {
        refuse(reply, 508, 'Insufficient Capacity');
        return;
      }
      if (this.#stopped) {
        socket.close();
        return;
      }
      const lifetime = this.#grantable(user, lifetimeOf(message));
      const port = socket.address().port;
      // node-turn's own listener on the socket throws on an empty datagram: it is given a face without events.
      const face = { address: () => ({ address: config.relayAddress, port }), on: () => undefined };
      const allocation = new Allocation(message, [face], lifetime);
      const relay = new RelayedAllocation({
        allocation,
        socket,
        policy: this.#policy,
        now,
        sendToClient: (packet) => {
          const client = allocation.transport.dst;
          this.#sendToClient(packet, client.port, client.address);
        },
        indicateToClient: (ip, peerPort, data) => {
          const indication = new Message(this.#server, allocation.transport);
          indication.addAttribute('xor-peer-address', new Address(ip, peerPort));
          indication.data(data);
        },
      });
      this.#relays.set(fiveTuple, relay);
      made = true;
      this.#livePorts.add(port);
      this.#schedule(relay, lifetime);
      this.#options.log(`allocation made, ${this.#relays.size} in use`);
      this.#answerAllocate(reply, allocation);
    } finally {
      this.#pending.delete(fiveTuple);
      if (!made) {
        this.#quota.giveBack(user.username);
      }
    }
  }

  #answerAllocate(reply: Message, allocation: Allocation): void {
    reply.addAttribute('xor-relayed-address', allocation.relayedTransportAddress);
    reply.addAttribute('lifetime', allocation.lifetime);
    reply.addAttribute('xor-mapped-address', allocation.mappedAddress);
    reply.addAttribute('software', SOFTWARE);
    accept(reply);
  }

  /** RFC 8656 s8.2. node-turn reads two settings that are never set, and ends the allocation. */
  #refresh(message: Message, reply: Message): void {
    const relay = this.#relayOf(message, reply);
    if (relay === null) {
      return;
    }
    const asked = lifetimeOf(message);
    const lifetime = asked === 0 ? 0 : this.#grantable(relay.allocation.user, asked);
    if (lifetime === 0) {
      this.#release(relay);
    } else {
      this.#schedule(relay, lifetime);
    }
    reply.addAttribute('lifetime', lifetime);
    accept(reply);
  }

  /** RFC 8656 s10.2. node-turn permits every address. */
  #createPermission(message: Message, reply: Message): void {
    const relay = this.#relayOf(message, reply);
    if (relay === null) {
      return;
    }
    const peers = message.getAttributes('xor-peer-address').filter((peer) => peer instanceof Address);
    if (peers.length === 0) {
      refuse(reply, 400, 'Bad Request');
      return;
    }
    if (!peers.every((peer) => this.#checkPeer(peer, reply))) {
      return;
    }
    if (!peers.every((peer) => this.#policy.mayPermit(peer.address))) {
      refuse(reply, 403, 'Forbidden');
      return;
    }
    this.#answerGrant(relay.permit(peers.map((peer) => peer.address)), reply);
  }

  /** RFC 8656 s12.2. node-turn's answer is unsigned, so no client believes it. */
  #channelBind(message: Message, reply: Message): void {
    const relay = this.#relayOf(message, reply);
    if (relay === null) {
      return;
    }
    const number = message.getAttribute('channel-number');
    const peer = message.getAttribute('xor-peer-address');
    // RFC 8656 s12 narrows the range to 0x4FFF; older clients go on to 0x7FFE (RFC 5766 s11).
    if (typeof number !== 'number' || number < 0x4000 || number > 0x7ffe || !(peer instanceof Address)) {
      refuse(reply, 400, 'Bad Request');
      return;
    }
    if (!this.#checkPeer(peer, reply)) {
      return;
    }
    if (!this.#policy.mayReach(peer.address, peer.port)) {
      refuse(reply, 403, 'Forbidden');
      return;
    }
    this.#answerGrant(relay.bind(number, peer.address, peer.port), reply);
  }

  /** A relayed address here is IPv4. An IPv6 peer is another family (443), or an IPv4 address in disguise (403). */
  #checkPeer(peer: Address, reply: Message): boolean {
    if (peer.family === IPV4) {
      return true;
    }
    if (this.#policy.isDisguised(peer.address)) {
      refuse(reply, 403, 'Forbidden');
    } else {
      refuse(reply, 443, 'Peer Address Family Mismatch');
    }
    return false;
  }

  #answerGrant(grant: Grant, reply: Message): void {
    if (grant === 'granted') {
      accept(reply);
    } else if (grant === 'conflict') {
      refuse(reply, 400, 'Bad Request');
    } else {
      refuse(reply, 508, 'Insufficient Capacity');
    }
  }

  /** RFC 8656 s11.2. DONT-FRAGMENT reads as unknown, so a packet that asks for it was dropped before. */
  #send(message: Message): void {
    const peer = message.getAttribute('xor-peer-address');
    const data = message.getAttribute('data');
    if (peer instanceof Address && peer.family === IPV4 && Buffer.isBuffer(data)) {
      this.#relays.get(message.transport.get5Tuple())?.sendToPeer(peer.address, peer.port, data);
    }
  }

  /** The allocation may have gone while the request was being authenticated. */
  #relayOf(message: Message, reply: Message): RelayedAllocation | null {
    const relay = this.#relays.get(message.transport.get5Tuple());
    if (relay === undefined || relay.allocation !== message.allocation) {
      refuse(reply, 437, 'Allocation Mismatch');
      return null;
    }
    return relay;
  }

  /** At least the default, unless the allocation must end before. In seconds. */
  #grantable(user: User, askedSeconds: number): number {
    const leftSeconds = Math.ceil((allocationEndMs(user) - this.#options.now()) / 1000);
    return Math.max(0, Math.min(Math.max(askedSeconds, DEFAULT_LIFETIME_SECONDS), leftSeconds));
  }

  #schedule(relay: RelayedAllocation, lifetimeSeconds: number): void {
    const { allocation } = relay;
    clearTimeout(allocation.timer);
    allocation.timer = setTimeout(() => this.#release(relay), lifetimeSeconds * 1000);
    allocation.timeToExpiry = this.#options.now() + lifetimeSeconds * 1000;
  }

  /** node-turn forgets a released allocation but keeps its socket, and so its port, for ever. Idempotent. */
  #release(relay: RelayedAllocation): void {
    const { allocation } = relay;
    if (this.#relays.get(allocation.fiveTuple) !== relay) {
      return;
    }
    relay.close();
    this.#relays.delete(allocation.fiveTuple);
    this.#quota.giveBack(allocation.user.username);
    this.#livePorts.delete(allocation.relayedTransportAddress.port);
    delete this.#server.allocations[allocation.fiveTuple];
    this.#options.log(`allocation released, ${this.#relays.size} in use`);
  }

  /** Draws a port and goes on from there, so that a free one is found in a range nearly full (RFC 6056 s3.3.1). */
  async #openRelaySocket(even: boolean): Promise<Socket | null> {
    const { minPort, maxPort, relayAddress } = this.#options.config;
    const ports = maxPort - minPort + 1;
    const drawn = randomInt(ports);
    let attempts = 0;
    for (let step = 0; step < ports && attempts < PORT_ATTEMPTS; step += 1) {
      const port = minPort + ((drawn + step) % ports);
      if ((even && port % 2 !== 0) || this.#livePorts.has(port)) {
        continue;
      }
      attempts += 1;
      const socket = openSocket();
      try {
        await bind(socket, relayAddress, port);
        return socket;
      } catch {
        socket.close();
      }
    }
    return null;
  }

  #sendToClient(packet: Uint8Array, port: number, address: string): void {
    // node-turn answers from callbacks of its own; a socket closed meanwhile, or port 0, would throw there.
    if (this.#stopped || port === 0) {
      return;
    }
    this.#listener.send(packet, port, address, () => undefined);
  }
}

/** LIFETIME as asked for, at most an hour, and ten minutes when absent (RFC 8656 s7.2, s8.2). 0 stays 0. */
function lifetimeOf(message: Message): number {
  const asked = message.getAttribute('lifetime');
  return typeof asked === 'number' ? Math.min(asked, MAX_LIFETIME_SECONDS) : DEFAULT_LIFETIME_SECONDS;
}
