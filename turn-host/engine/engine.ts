/**
 * Owns the seam to node-turn 0.0.6: its dispatch, codec and allocation records, with its faults corrected at the handlers
 * it exposes. Control only: STUN and TURN requests in, answers and grants out. Nothing outside this folder sees a node-turn
 * object. Must not know sockets, rooms' members or processes.
 */
import Server from 'node-turn';
import Address from 'node-turn/lib/address.js';
import Allocation from 'node-turn/lib/allocation.js';
import type Message from 'node-turn/lib/message.js';
import type { AnswerSocket } from 'node-turn/lib/transport.js';
import type User from 'node-turn/lib/user.js';
import type { DataPath, Flow } from '../data-path/data-path.ts';
import type { Directory } from '../data-path/directory.ts';
import type { Grant } from '../data-path/grants.ts';
import { type IpFamily, ipWords } from '../data-path/ip-words.ts';
import { Counter, type CounterName, type Counters } from '../metrics/counters.ts';
import type { Admissions } from '../policy/admissions.ts';
import type { PeerPolicy } from '../policy/peer-policy.ts';
import type { SourceLimiter } from '../policy/source-limiter.ts';
import { Allocations, holderOf, type LiveAllocation, roomOf } from './allocations.ts';
import {
  accept,
  addReservationToken,
  addXorAddress,
  type ErrorCode,
  refuse,
  refuseUnknown,
} from './answers.ts';
import { type Authenticate, allocationEndMs, createAuthenticator } from './authentication.ts';
import { ClientTransport, type ControlClient, fiveTupleOf } from './control-client.ts';
import { IncomingMessage, MessageClass, Method } from './stun-message.ts';

const UDP = 0x11;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
/** RFC 8656 s9: five minutes. RFC 8656 s12: ten. */
const PERMISSION_LIFETIME_MS = 300_000;
const CHANNEL_LIFETIME_MS = 600_000;
const DEFAULT_LIFETIME_SECONDS = 600;
const MAX_LIFETIME_SECONDS = 3600;
const SOFTWARE = 'Parley';
/** What an answer to whoever is not authenticated may be of the question, in octets. */
const MAX_AMPLIFICATION = 2.3;
/** How long the last answer of an allocation is kept for its retransmission: RFC 8489 s6.3.1, 40 seconds. */
const FAREWELL_MS = 40_000;
const MAX_FAREWELLS = 4096;
const SERVED_METHODS: ReadonlySet<number> = new Set([
  Method.allocate,
  Method.refresh,
  Method.createPermission,
  Method.channelBind,
]);

export interface EngineOptions {
  readonly dataPath: DataPath;
  readonly directory: Directory;
  readonly policy: PeerPolicy;
  readonly admissions: Admissions;
  /** Answers to those not authenticated, by source. */
  readonly unauthenticated: SourceLimiter;
  readonly counters: Counters;
  readonly secrets: readonly string[];
  readonly nonceKey: Uint8Array;
  readonly realm: string;
  readonly minPort: number;
  readonly maxPort: number;
  /** An event of the relay's life; never a user name. What `addresses` gives is for debugging alone. */
  readonly log: (line: string, addresses?: () => string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** What answers requests and makes grants. Listeners give it packets by `receive`; `stop()` ends it. */
export class TurnEngine {
  readonly #options: EngineOptions;
  readonly #server: Server;
  readonly #authenticate: Authenticate;
  readonly #allocations: Allocations;
  /** Allocate requests between their authentication and their answer: five-tuple to transaction id. */
  readonly #pending = new Map<string, string>();
  /** Of allocations just ended by request: the transaction and the time. */
  readonly #farewells = new Map<
    string,
    { readonly transactionId: string; readonly user: User; readonly atMs: number }
  >();
  #isStopped = false;

  constructor(options: EngineOptions) {
    const { dataPath, directory, admissions, minPort, maxPort, secrets, realm, nonceKey, now } = options;
    this.#options = options;
    this.#authenticate = createAuthenticator({ secrets, realm, nonceKey, now });
    this.#allocations = new Allocations({
      ...{ dataPath, directory, admissions, minPort, maxPort },
      onReleased: (allocation) => this.#released(allocation),
    });
    this.#server = this.#correctedServer();
  }

  /** Allocations in use. */
  get allocations(): number {
    return this.#allocations.count;
  }

  /** Ends every allocation. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    for (const allocation of this.#allocations.all()) {
      this.#allocations.release(allocation);
    }
  }

  /** The client's connection is gone, and with it the 5-tuple of its allocation (RFC 8656 s3.1). */
  disconnected(client: ControlClient): void {
    const allocation = this.#allocations.ofClient(client);
    if (allocation !== undefined) {
      this.#allocations.release(allocation);
    }
  }

  /** Takes a packet that is no media. Never throws. */
  receive(packet: Buffer, client: ControlClient): void {
    // The guard of last resort: whatever a packet holds, it must not reach the process (RFC 8489 s6.3: discard).
    try {
      const answers: AnswerSocket = { send: (answer) => this.#answer(message, answer) };
      const transport = new ClientTransport(client, fiveTupleOf(client), answers);
      const message = new IncomingMessage(this.#server, transport, client);
      if (message.read(packet)) {
        this.#dispatch(message);
      } else {
        this.#count('droppedNoStun');
      }
    } catch (error) {
      this.#count('unhandled');
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log('a packet was dropped: it could not be handled', () => words);
    }
  }

  #correctedServer(): Server {
    const { realm, minPort, maxPort } = this.#options;
    const server = new Server({
      listeningIps: [],
      listeningPort: 0,
      relayIps: [],
      authMech: 'long-term',
      realm,
      minPort,
      maxPort,
      debugLevel: 'OFF',
      log: () => undefined,
    });
    server.software = SOFTWARE;
    server.allocations = Object.create(null) as Record<string, Allocation>;
    server.removeAllListeners('binding');
    server.on('binding', (message: IncomingMessage, reply: Message) => this.#binding(message, reply));
    server.authentification.auth = (message, done) => this.#authorize(message, done);
    server.allocate.allocate = (message, reply) => {
      if (message instanceof IncomingMessage) {
        this.#allocate(message, reply).catch(() => this.#refuse(reply, 500));
      }
    };
    server.refresh.refresh = (message, reply) => this.#refresh(message, reply);
    server.createPermission.createPermission = (message, reply) => this.#createPermission(message, reply);
    server.channelBind.channelBind = (message, reply) => this.#channelBind(message, reply);
    return server;
  }

  /** Keeps from node-turn what it would answer wrongly, and hands it the rest. */
  #dispatch(message: IncomingMessage): void {
    // Responses are not for a server; of indications only Send has a meaning here, and that is the data path's.
    if (message.class !== MessageClass.request) {
      this.#count('droppedNoRequest');
      return;
    }
    if (message.getAttribute('fingerprint') !== false) {
      this.#count('requests');
      if (message.method === Method.binding && message.unknownRequired.length > 0) {
        this.#countRefusal(420);
        refuseUnknown(message.reply(), message.unknownRequired);
        return;
      }
      if (message.method !== Method.binding && !SERVED_METHODS.has(message.method)) {
        this.#refuse(message.reply(), 400);
        return;
      }
      if (message.method === Method.refresh && this.#answerFarewell(message)) {
        return;
      }
      if (message.method !== Method.allocate && message.method !== Method.binding) {
        if (this.#allocations.find(message.transport.get5Tuple()) === undefined) {
          this.#refuse(message.reply(), 437);
          return;
        }
      }
    }
    this.#server.emit('message', message);
  }

  /** RFC 8489 s6.3.1. */
  #binding(message: IncomingMessage, reply: Message): void {
    const { client } = message;
    addXorAddress(reply, 'xor-mapped-address', ipWords(client.ip), client.port);
    reply.resolve();
  }

  #authorize(message: Message, done: (error: Error | null, reply: Message) => void): void {
    if (!(message instanceof IncomingMessage) || this.#isStopped) {
      return;
    }
    const reply = message.reply();
    const allocation = this.#allocations.find(message.transport.get5Tuple());
    const authentication = this.#authenticate(message, reply, allocation?.user ?? null);
    if (authentication.outcome !== 'accepted') {
      this.#count('unauthenticated');
      if (authentication.outcome === 'outlived' && allocation !== undefined) {
        this.#allocations.release(allocation);
      }
      return;
    }
    message.setUser(authentication.user);
    reply.setUser(authentication.user);
    // RFC 8489 s9.2.4, s6.3.1: unknown required attributes are looked at once the request is authenticated.
    if (message.unknownRequired.length > 0) {
      this.#countRefusal(420);
      refuseUnknown(reply, message.unknownRequired);
    } else if (message.malformed) {
      this.#refuse(reply, 400);
    } else {
      done(null, reply);
    }
  }

  /** RFC 8656 s7.2. node-turn reads LIFETIME under a wrong name, opens a port for every retransmission, knows one family. */
  async #allocate(message: IncomingMessage, reply: Message): Promise<void> {
    const fiveTuple = message.transport.get5Tuple();
    const existing = this.#allocations.find(fiveTuple);
    const pending = this.#pending.get(fiveTuple);
    const { user } = message;
    if (user === null) {
      return;
    }
    if (existing !== undefined || pending !== undefined) {
      // A retransmission is answered as the first was, which may be yet to come; another request is a mismatch.
      if ((existing?.record.transactionID ?? pending) !== message.transactionID) {
        this.#refuse(reply, 437);
      } else if (existing !== undefined) {
        this.#answerAllocate(reply, existing);
      }
      return;
    }
    const fault = faultOfAllocate(message);
    if (fault !== null) {
      this.#refuse(reply, fault);
      return;
    }
    const family: IpFamily = message.addressFamily === FAMILY_IPV6 ? 6 : 4;
    const relays = this.#relaysOf(message.client, family);
    if (relays.length === 0 && message.reservationToken === null) {
      this.#refuse(reply, 440);
      return;
    }
    this.#pending.set(fiveTuple, message.transactionID);
    try {
      const verdict = await this.#admit(message, user, relays);
      if (typeof verdict === 'number') {
        this.#refuse(reply, verdict);
      } else if (this.#isStopped || (message.client.kind === 'stream' && message.client.isClosed)) {
        // Whoever asked has gone while a port was being opened.
        this.#allocations.giveUp(verdict.flow, holderOf(user));
      } else {
        const allocation = this.#takeUp(message, user, verdict);
        this.#answerAllocate(reply, allocation);
      }
    } finally {
      this.#pending.delete(fiveTuple);
    }
  }

  /** The opened flow, or why there is none: 486 is about this user, 508 about the server. */
  async #admit(
    message: IncomingMessage,
    user: User,
    relays: readonly number[],
  ): Promise<{ flow: Flow; token: string | null } | ErrorCode> {
    const { admissions } = this.#options;
    const holder = holderOf(user);
    const admission = await admissions.admit(holder, message.client.ip);
    if (admission !== 'admitted') {
      return admission === 'quota' ? 486 : 508;
    }
    let flow: Flow | null = null;
    try {
      const { client, reservationToken } = message;
      const room = roomOf(holder);
      if (reservationToken !== null) {
        const kept = await admissions.redeem(holder.user, reservationToken);
        flow = kept === null ? null : await this.#allocations.openClaimed(client, room, kept);
        return flow === null ? 508 : { flow, token: null };
      }
      const pair = message.evenPortReserve === true;
      flow = await this.#allocations.openFlow(client, room, {
        relays,
        even: message.evenPortReserve !== null,
        pair,
      });
      if (flow === null) {
        return 508;
      }
      const next = { relay: flow.relay, port: flow.port + 1 };
      return { flow, token: pair ? await admissions.reserve(holder.user, next) : null };
    } finally {
      if (flow === null) {
        admissions.giveBack(holder);
      }
    }
  }

  #takeUp(
    message: IncomingMessage,
    user: User,
    { flow, token }: { flow: Flow; token: string | null },
  ): LiveAllocation {
    const { directory } = this.#options;
    const address = directory.addresses[flow.relay];
    if (address === undefined) {
      throw new RangeError('no such relay address');
    }
    const lifetime = this.#grantable(user, lifetimeOf(message));
    // node-turn is given a relayed socket without events: what is relayed never goes through it.
    const face = { address: () => ({ address: address.externalIp, port: flow.port }), on: () => undefined };
    const record = new Allocation(message, [face], lifetime);
    // Both were for making it. The transport would keep the whole request for as long as the allocation lasts.
    record.transport = null;
    record.sockets = [];
    const holder = holderOf(user);
    const allocation: LiveAllocation = {
      fiveTuple: record.fiveTuple,
      client: message.client,
      family: address.family,
      room: roomOf(holder),
      ...{ flow, user, holder, record, token },
    };
    this.#allocations.add(allocation, lifetime);
    this.#count('allocationsMade');
    this.#options.log(`allocation made, ${this.#allocations.count} in use`, () => describe(allocation));
    return allocation;
  }

  #answerAllocate(reply: Message, { flow, client, record, token }: LiveAllocation): void {
    const { directory } = this.#options;
    addXorAddress(reply, 'xor-relayed-address', directory.externalWords(flow.relay), flow.port);
    reply.addAttribute('lifetime', record.lifetime);
    addXorAddress(reply, 'xor-mapped-address', ipWords(client.ip), client.port);
    if (token !== null) {
      addReservationToken(reply, token);
    }
    reply.addAttribute('software', SOFTWARE);
    accept(reply);
  }

  /** RFC 8656 s8.2. node-turn reads two settings that are never set, and ends the allocation. */
  #refresh(message: Message, reply: Message): void {
    const allocation = this.#allocationOf(message, reply);
    if (allocation === null || !(message instanceof IncomingMessage)) {
      return;
    }
    const { addressFamily } = message;
    if (addressFamily !== null && addressFamily !== (allocation.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6)) {
      this.#refuse(reply, 443);
      return;
    }
    const asked = lifetimeOf(message);
    const lifetime = asked === 0 ? 0 : this.#grantable(allocation.user, asked);
    if (lifetime === 0) {
      this.#rememberFarewell(message, allocation);
      this.#allocations.release(allocation);
    } else {
      this.#allocations.extend(allocation, lifetime);
    }
    reply.addAttribute('lifetime', lifetime);
    accept(reply);
  }

  /** A Refresh of 0 that comes again is answered as before, though its allocation is gone (RFC 8489 s6.3.1). */
  #answerFarewell(message: IncomingMessage): boolean {
    const fiveTuple = message.transport.get5Tuple();
    const farewell = this.#farewells.get(fiveTuple);
    if (farewell === undefined || this.#allocations.find(fiveTuple) !== undefined) {
      return false;
    }
    const { transactionId, user, atMs } = farewell;
    const isLate = this.#options.now() - atMs > FAREWELL_MS;
    if (isLate) {
      this.#farewells.delete(fiveTuple);
    }
    if (isLate || transactionId !== message.transactionID) {
      return false;
    }
    if (!message.verify(user.username, this.#options.realm, user.password)) {
      return false;
    }
    const reply = message.reply();
    message.setUser(user);
    reply.setUser(user);
    reply.addAttribute('lifetime', 0);
    accept(reply);
    return true;
  }

  #rememberFarewell(message: IncomingMessage, { fiveTuple, user }: LiveAllocation): void {
    this.#farewells.delete(fiveTuple);
    this.#farewells.set(fiveTuple, { transactionId: message.transactionID, user, atMs: this.#options.now() });
    const [oldest] = this.#farewells.keys();
    if (this.#farewells.size > MAX_FAREWELLS && oldest !== undefined) {
      this.#farewells.delete(oldest);
    }
  }

  /** RFC 8656 s10.2. node-turn permits every address. */
  #createPermission(message: Message, reply: Message): void {
    const allocation = this.#allocationOf(message, reply);
    if (allocation === null) {
      return;
    }
    const peers = message.getAttributes('xor-peer-address').filter((peer) => peer instanceof Address);
    const { policy } = this.#options;
    if (peers.length === 0) {
      this.#refuse(reply, 400);
      return;
    }
    for (const peer of peers) {
      const fault = this.#faultOfPeer(allocation, peer, (request) => policy.mayPermit(request));
      if (fault !== null) {
        this.#refuse(reply, fault);
        return;
      }
    }
    const ips = peers.map((peer) => peer.address);
    const expiresAtMs = this.#options.now() + PERMISSION_LIFETIME_MS;
    this.#answerGrant(allocation.flow.permit(ips, expiresAtMs), reply);
  }

  /** RFC 8656 s12.2. node-turn's answer is unsigned, so no client believes it. */
  #channelBind(message: Message, reply: Message): void {
    const allocation = this.#allocationOf(message, reply);
    if (allocation === null) {
      return;
    }
    const number = message.getAttribute('channel-number');
    const peer = message.getAttribute('xor-peer-address');
    // RFC 8656 s12 narrows the range to 0x4FFF; older clients go on to 0x7FFE (RFC 5766 s11).
    if (typeof number !== 'number' || number < 0x4000 || number > 0x7ffe || !(peer instanceof Address)) {
      this.#refuse(reply, 400);
      return;
    }
    const { policy, now } = this.#options;
    const fault = this.#faultOfPeer(allocation, peer, (request) => policy.mayBind(request));
    if (fault !== null) {
      this.#refuse(reply, fault);
      return;
    }
    const { flow } = allocation;
    const nowMs = now();
    const bound = flow.bind(number, peer.address, peer.port, nowMs + CHANNEL_LIFETIME_MS);
    // s12: the permission comes with the channel. Without one the channel carries nothing.
    const isBound = bound === 'granted';
    this.#answerGrant(isBound ? flow.permit([peer.address], nowMs + PERMISSION_LIFETIME_MS) : bound, reply);
  }

  /** 403 for a special address whatever its family, 443 for the other family (s10.2), 403 for what the policy refuses. */
  #faultOfPeer(
    { flow, family, room }: LiveAllocation,
    { address: ip, port, family: peerFamily }: Address,
    isAllowed: PeerPolicy['mayBind'],
  ): ErrorCode | null {
    if ((peerFamily === FAMILY_IPV4 ? 4 : 6) !== family) {
      return this.#options.policy.isSpecial(ip) ? 403 : 443;
    }
    return isAllowed({ ip, port, room, isPermitted: flow.isPermitted(ip) }) ? null : 403;
  }

  #answerGrant(grant: Grant, reply: Message): void {
    if (grant === 'granted') {
      accept(reply);
    } else {
      this.#refuse(reply, grant === 'conflict' ? 400 : 508);
    }
  }

  /** The allocation that the request is about; null, and the answer is given, when it is gone. */
  #allocationOf(message: Message, reply: Message): LiveAllocation | null {
    const allocation = this.#allocations.find(message.transport.get5Tuple());
    if (allocation === undefined || allocation.record !== message.allocation) {
      this.#refuse(reply, 437);
      return null;
    }
    return allocation;
  }

  /** Those of the family, the address that the client came in by first. */
  #relaysOf(client: ControlClient, family: IpFamily): number[] {
    const { addresses } = this.#options.directory;
    const near = client.kind === 'datagram' ? client.listener.ip : client.localIp;
    const indexes = [...addresses.keys()].filter((index) => addresses[index]?.family === family);
    return indexes.sort((a, b) => Number(addresses[b]?.ip === near) - Number(addresses[a]?.ip === near));
  }

  /** At least the default, unless the allocation must end before. In seconds. */
  #grantable(user: User, askedSeconds: number): number {
    const leftSeconds = Math.ceil((allocationEndMs(user) - this.#options.now()) / 1000);
    return Math.max(0, Math.min(Math.max(askedSeconds, DEFAULT_LIFETIME_SECONDS), leftSeconds));
  }

  #released(allocation: LiveAllocation): void {
    delete this.#server.allocations[allocation.fiveTuple];
    this.#count('allocationsReleased');
    this.#options.log(`allocation released, ${this.#allocations.count} in use`, () => describe(allocation));
  }

  /**
   * Sends an answer. One to whoever is not authenticated may go to a forged address: it is limited by source, and never
   * much larger than what was asked.
   */
  #answer(message: IncomingMessage, answer: Uint8Array): void {
    const { dataPath, unauthenticated } = this.#options;
    const { client } = message;
    if (this.#isStopped) {
      return;
    }
    if (message.user === null && client.kind === 'datagram') {
      const isTooLarge = answer.length > message.lengthBytes * MAX_AMPLIFICATION;
      if (isTooLarge || !unauthenticated.take(client.ip, performance.now())) {
        this.#count('droppedUnauthenticated');
        return;
      }
    }
    dataPath.sendControl(client, answer);
  }

  #refuse(reply: Message, code: ErrorCode): void {
    this.#countRefusal(code);
    refuse(reply, code);
  }

  #countRefusal(code: ErrorCode): void {
    if (code !== 401 && code !== 438) {
      this.#count(`refused${code}`);
    }
  }

  #count(name: CounterName): void {
    const { counters } = this.#options;
    counters[Counter[name]] = (counters[Counter[name]] ?? 0) + 1;
  }
}

/** What is wrong with an Allocate request by itself (RFC 8656 s7.2), in the order of the RFC; null when nothing is. */
function faultOfAllocate(message: IncomingMessage): ErrorCode | null {
  const { addressFamily, reservationToken, evenPortReserve } = message;
  const transport = message.getAttribute('requested-transport');
  if (transport === undefined) {
    return 400;
  }
  if (transport !== UDP) {
    return 442;
  }
  if (reservationToken !== null && (evenPortReserve !== null || addressFamily !== null)) {
    return 400;
  }
  if (addressFamily !== null && addressFamily !== FAMILY_IPV4 && addressFamily !== FAMILY_IPV6) {
    return 440;
  }
  return null;
}

/** LIFETIME as asked for, at most an hour, and ten minutes when absent (RFC 8656 s7.2, s8.2). 0 stays 0. */
function lifetimeOf(message: Message): number {
  const asked = message.getAttribute('lifetime');
  return typeof asked === 'number' ? Math.min(asked, MAX_LIFETIME_SECONDS) : DEFAULT_LIFETIME_SECONDS;
}

function describe({ fiveTuple, flow }: LiveAllocation): string {
  return `${fiveTuple} port ${flow.port}`;
}
