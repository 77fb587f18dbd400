/**
 * Owns Allocate (RFC 8656 s7.2): what it may ask for, that one request makes one allocation however often it comes, and
 * its answer. Must not know who may have an allocation, nor how a port is found.
 */
import Allocation from 'node-turn/lib/allocation.js';
import type Message from 'node-turn/lib/message.js';
import type User from 'node-turn/lib/user.js';
import type { Flow } from '../data-path/data-path.ts';
import { type IpFamily, ipWords } from '../data-path/ip-words.ts';
import type { Holder } from '../policy/allocation-quota.ts';
import { holderOf, type LiveAllocation, roomOf } from './allocations.ts';
import { accept, addReservationToken, addXorAddress, type ErrorCode } from './answers.ts';
import { describe, type EngineContext, FAMILY_IPV4, FAMILY_IPV6, SOFTWARE } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { askedLifetime, grantableLifetime } from './lifetime.ts';
import type { IncomingMessage } from './stun-message.ts';

/** REQUESTED-TRANSPORT: the protocol number of UDP. */
const UDP = 17;

/** A port that was opened for a request, and RESERVATION-TOKEN for the one after it. */
interface Admitted {
  readonly flow: Flow;
  readonly token: string | null;
}

export class AllocateHandler {
  readonly #context: EngineContext;
  /** Requests between their authentication and their answer: five-tuple to transaction id. */
  readonly #pending = new Map<string, string>();

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** node-turn reads LIFETIME under a wrong name, opens a port for every retransmission, knows one family. */
  handle(message: IncomingMessage, reply: Message): void {
    const { allocations } = this.#context;
    const fiveTuple = message.transport.get5Tuple();
    const existing = allocations.find(fiveTuple);
    const pending = this.#pending.get(fiveTuple);
    const { user } = message;
    if (user === null) {
      return;
    }
    if (existing !== undefined || pending !== undefined) {
      // A retransmission is answered as the first was, which may be yet to come; another request is a mismatch.
      if ((existing?.record.transactionID ?? pending) !== message.transactionID) {
        this.#context.refuse(reply, 437);
      } else if (existing !== undefined) {
        this.#answer(reply, existing);
      }
      return;
    }
    const fault = faultOf(message);
    if (fault !== null) {
      this.#context.refuse(reply, fault);
      return;
    }
    const relays = this.#relaysOf(message.client, message.addressFamily === FAMILY_IPV6 ? 6 : 4);
    if (relays.length === 0 && message.reservationToken === null) {
      this.#context.refuse(reply, 440);
      return;
    }
    this.#pending.set(fiveTuple, message.transactionID);
    void this.#make(message, reply, user, relays)
      .catch((error: unknown) => this.#context.fault(error, 'an allocation was not answered: a fault'))
      .finally(() => this.#pending.delete(fiveTuple));
  }

  async #make(
    message: IncomingMessage,
    reply: Message,
    user: User,
    relays: readonly number[],
  ): Promise<void> {
    try {
      const verdict = await this.#admit(message, user, relays);
      if (typeof verdict === 'number') {
        this.#context.refuse(reply, verdict);
        return;
      }
      const allocation = this.#takeUp(message, user, verdict);
      if (allocation !== null) {
        this.#answer(reply, allocation);
      }
    } catch (error) {
      this.#context.fault(error, 'an allocation was not made: a fault');
      this.#context.refuse(reply, 500);
    }
  }

  /** The opened flow, or why there is none: 486 is about this user, 508 about the server. */
  async #admit(
    message: IncomingMessage,
    user: User,
    relays: readonly number[],
  ): Promise<Admitted | ErrorCode> {
    const { allocations, options } = this.#context;
    const { admissions, directory } = options;
    const { client, reservationToken, evenPortReserve } = message;
    const holder = holderOf(user);
    // First, as a port in reserve counts as an allocation until it is one.
    const kept = reservationToken === null ? null : await admissions.redeem(holder.user, reservationToken);
    if (reservationToken !== null && kept === null) {
      return 508;
    }
    const admission = await admissions.admit(holder, client.ip);
    if (admission !== 'admitted') {
      if (kept !== null) {
        directory.release(kept.relay, kept.port);
      }
      return admission === 'quota' ? 486 : 508;
    }
    let flow: Flow | null = null;
    try {
      const room = roomOf(holder);
      const wish = { relays, even: evenPortReserve !== null, pair: evenPortReserve === true };
      flow = await (kept === null
        ? allocations.openFlow(client, room, wish)
        : allocations.openClaimed(client, room, kept));
    } finally {
      if (flow === null) {
        admissions.giveBack(holder);
      }
    }
    return flow === null ? 508 : await this.#withNeighbour(flow, holder, evenPortReserve === true);
  }

  /** Puts the port after the flow's in reserve where that is wanted, or gives both up. */
  async #withNeighbour(flow: Flow, holder: Holder, isWanted: boolean): Promise<Admitted | ErrorCode> {
    if (!isWanted) {
      return { flow, token: null };
    }
    const { allocations, options } = this.#context;
    const next = { relay: flow.relay, port: flow.port + 1 };
    const token = await options.admissions.reserve(holder, next);
    if (token !== null) {
      return { flow, token };
    }
    options.directory.release(next.relay, next.port);
    allocations.giveUp(flow, holder);
    return 486;
  }

  /** The allocation; null when whoever asked has gone while a port was being opened. Keeps no flow that it does not use. */
  #takeUp(message: IncomingMessage, user: User, { flow, token }: Admitted): LiveAllocation | null {
    const { allocations, isStopped, options } = this.#context;
    const holder = holderOf(user);
    const { client } = message;
    if (isStopped || (client.kind === 'stream' && client.isClosed)) {
      allocations.giveUp(flow, holder);
      return null;
    }
    let allocation: LiveAllocation;
    try {
      const { externalIp, family } = this.#addressOf(flow);
      // node-turn is given a relayed socket without events: what is relayed never goes through it.
      const face = { address: () => ({ address: externalIp, port: flow.port }), on: () => undefined };
      const lifetime = grantableLifetime(user, askedLifetime(message), options.now());
      const record = new Allocation(message, [face], lifetime);
      // Both were for making it. The transport would keep the whole request for as long as the allocation lasts.
      record.transport = null;
      record.sockets = [];
      const { fiveTuple } = record;
      allocation = { fiveTuple, client, family, room: roomOf(holder), flow, user, holder, record, token };
    } catch (error) {
      allocations.giveUp(flow, holder);
      throw error;
    }
    allocations.add(allocation, allocation.record.lifetime);
    this.#context.count('allocationsMade');
    options.log(`allocation made, ${allocations.count} in use`, () => describe(allocation));
    return allocation;
  }

  #answer(reply: Message, { flow, client, record, token }: LiveAllocation): void {
    const { directory } = this.#context.options;
    addXorAddress(reply, 'xor-relayed-address', directory.externalWords(flow.relay), flow.port);
    reply.addAttribute('lifetime', record.lifetime);
    addXorAddress(reply, 'xor-mapped-address', ipWords(client.ip), client.port);
    if (token !== null) {
      addReservationToken(reply, token);
    }
    reply.addAttribute('software', SOFTWARE);
    accept(reply);
  }

  #addressOf(flow: Flow): { readonly externalIp: string; readonly family: IpFamily } {
    const address = this.#context.options.directory.addresses[flow.relay];
    if (address === undefined) {
      throw new RangeError('no such relay address');
    }
    return address;
  }

  /** Those of the family, the address that the client came in by first. */
  #relaysOf(client: ControlClient, family: IpFamily): number[] {
    const { addresses } = this.#context.options.directory;
    const near = client.kind === 'datagram' ? client.listener.ip : client.localIp;
    const indexes = [...addresses.keys()].filter((index) => addresses[index]?.family === family);
    return indexes.sort((a, b) => Number(addresses[b]?.ip === near) - Number(addresses[a]?.ip === near));
  }
}

/** What is wrong with the request by itself, in the order of RFC 8656 s7.2; null when nothing is. */
function faultOf(message: IncomingMessage): ErrorCode | null {
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
