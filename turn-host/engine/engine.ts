/**
 * Owns the seam to node-turn 0.0.6: its dispatch, codec and allocation records, with its faults corrected at the
 * handlers it exposes. Nothing outside this folder sees a node-turn object. Must not know rooms or processes.
 */

import { randomInt } from 'node:crypto';
import Server from 'node-turn';
import Address from 'node-turn/lib/address.js';
import Allocation from 'node-turn/lib/allocation.js';
import type Message from 'node-turn/lib/message.js';
import Transport, { type AnswerSocket } from 'node-turn/lib/transport.js';
import type User from 'node-turn/lib/user.js';
import type { TurnHostConfig } from '../config.ts';
import { parseUsername } from '../credential.ts';
import type { DatagramClient, DataPath, Flow } from '../data-path/data-path.ts';
import { type Directory, type RoomWords, roomWords } from '../data-path/directory.ts';
import type { Grant } from '../data-path/grants.ts';
import { createPeerPolicy, type PeerPolicy } from '../policy/peer-policy.ts';
import { AllocationQuota } from './allocation-quota.ts';
import { type Authenticate, allocationEndMs, createAuthenticator } from './authentication.ts';
import { accept, IncomingMessage, MessageClass, Method, refuse, refuseUnknown } from './stun-message.ts';

const UDP = 0x11;
const IPV4 = 1;
/** The one relay address there is so far. */
const RELAY = 0;
/** RFC 8656 s9: five minutes. RFC 8656 s12: ten. */
const PERMISSION_LIFETIME_MS = 300_000;
const CHANNEL_LIFETIME_MS = 600_000;
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
  readonly dataPath: DataPath;
  readonly directory: Directory;
  readonly config: TurnHostConfig;
  /** One line a life-cycle event; never a user name or an address. */
  readonly log: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

interface RelayedAllocation {
  readonly allocation: Allocation;
  readonly flow: Flow;
}

/** What answers requests and makes grants. The data path gives it packets by `receive`; `stop()` ends it. */
export class TurnEngine {
  readonly #options: EngineOptions;
  readonly #server: Server;
  readonly #authenticate: Authenticate;
  readonly #policy: PeerPolicy;
  readonly #relays = new Map<string, RelayedAllocation>();
  readonly #quota: AllocationQuota;
  /** Allocate requests between their authentication and their answer: five-tuple to transaction id. */
  readonly #pending = new Map<string, string>();
  #stopped = false;

  constructor(options: EngineOptions) {
    const { config, directory, now } = options;
    this.#options = options;
    this.#quota = new AllocationQuota({
      perUser: MAX_ALLOCATIONS_PER_USER,
      inAll: config.maxPort - config.minPort + 1,
    });
    this.#authenticate = createAuthenticator({ secrets: config.secrets, realm: config.realm, now });
    this.#policy = createPeerPolicy({
      name: config.peerPolicy,
      isLiveRelay: (ip, port) => ip === config.relayAddress && directory.isLive(RELAY, port),
      hasLiveRelay: (ip) => ip === config.relayAddress,
    });
    this.#server = this.#correctedServer();
  }

  /** Ends every allocation. Idempotent. */
  stop(): void {
    this.#stopped = true;
    for (const relay of [...this.#relays.values()]) {
      this.#release(relay);
    }
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
    return server;
  }

  /** Takes a packet that is no media. Never throws. */
  receive(packet: Buffer, client: DatagramClient): void {
    // The guard of last resort: whatever a packet holds, it must not reach the process (RFC 8489 s6.3: discard).
    try {
      const transport = this.#transportOf(client);
      const message = new IncomingMessage(this.#server, transport, client);
      if (message.read(packet)) {
        this.#dispatch(message);
      }
    } catch {
      this.#options.log('a packet was dropped: it could not be handled');
    }
  }

  #transportOf(client: DatagramClient): Transport {
    const { listener, ip, port } = client;
    const answers: AnswerSocket = { send: (packet) => this.#sendToClient(client, packet) };
    return new Transport(UDP, new Address(ip, port), new Address(listener.ip, listener.port), answers);
  }

  /** Keeps from node-turn what it would answer wrongly, and hands it the rest. */
  #dispatch(message: IncomingMessage): void {
    // Responses are not for a server; of indications only Send has a meaning here, and that is the data path's.
    if (message.class !== MessageClass.request) {
      return;
    }
    if (message.getAttribute('fingerprint') !== false) {
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
    const { config, directory } = this.#options;
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
      const room = roomOf(user);
      const flow = await this.#openFlow(message.client, room, message.evenPortReserve !== null);
      if (flow === null) {
        refuse(reply, 508, 'Insufficient Capacity');
        return;
      }
      if (this.#stopped) {
        flow.close();
        return;
      }
      const lifetime = this.#grantable(user, lifetimeOf(message));
      // node-turn is given a relayed socket without events: what is relayed never goes through it.
      const face = {
        address: () => ({ address: config.relayAddress, port: flow.port }),
        on: () => undefined,
      };
      const relay = { allocation: new Allocation(message, [face], lifetime), flow };
      this.#relays.set(fiveTuple, relay);
      made = true;
      directory.publish(RELAY, flow.port, room);
      this.#schedule(relay, lifetime);
      this.#options.log(`allocation made, ${this.#relays.size} in use`);
      this.#answerAllocate(reply, relay.allocation);
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
    const ips = peers.map((peer) => peer.address);
    this.#answerGrant(relay.flow.permit(ips, this.#options.now() + PERMISSION_LIFETIME_MS), reply);
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
    // RFC 8656 s12: the permission comes with the channel.
    const nowMs = this.#options.now();
    const permitted = relay.flow.permit([peer.address], nowMs + PERMISSION_LIFETIME_MS);
    const bound =
      permitted === 'granted'
        ? relay.flow.bind(number, peer.address, peer.port, nowMs + CHANNEL_LIFETIME_MS)
        : permitted;
    this.#answerGrant(bound, reply);
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
    clearTimeout(allocation.timer);
    relay.flow.close();
    this.#relays.delete(allocation.fiveTuple);
    this.#quota.giveBack(allocation.user.username);
    this.#options.directory.release(RELAY, relay.flow.port);
    delete this.#server.allocations[allocation.fiveTuple];
    this.#options.log(`allocation released, ${this.#relays.size} in use`);
  }

  /** Draws a port and goes on from there, so that a free one is found in a range nearly full (RFC 6056 s3.3.1). */
  async #openFlow(client: DatagramClient, room: RoomWords | null, even: boolean): Promise<Flow | null> {
    const { config, dataPath, directory } = this.#options;
    const { minPort, maxPort } = config;
    const ports = maxPort - minPort + 1;
    const drawn = randomInt(ports);
    let attempts = 0;
    for (let step = 0; step < ports && attempts < PORT_ATTEMPTS; step += 1) {
      const port = minPort + ((drawn + step) % ports);
      if ((even && port % 2 !== 0) || !directory.claim(RELAY, port)) {
        continue;
      }
      attempts += 1;
      try {
        return await dataPath.openFlow({ client, relay: RELAY, port, room });
      } catch {
        directory.release(RELAY, port);
      }
    }
    return null;
  }

  #sendToClient(client: DatagramClient, packet: Uint8Array): void {
    // node-turn answers from callbacks of its own, maybe after the end.
    if (!this.#stopped) {
      this.#options.dataPath.sendControl(client, packet);
    }
  }
}

/** LIFETIME as asked for, at most an hour, and ten minutes when absent (RFC 8656 s7.2, s8.2). 0 stays 0. */
function lifetimeOf(message: Message): number {
  const asked = message.getAttribute('lifetime');
  return typeof asked === 'number' ? Math.min(asked, MAX_LIFETIME_SECONDS) : DEFAULT_LIFETIME_SECONDS;
}

function roomOf(user: User): RoomWords | null {
  const tag = parseUsername(user.username)?.roomTag ?? null;
  return tag === null ? null : roomWords(tag);
}
