/**
 * Owns the allocations there are: which client has which, its relayed port, how long it lasts. Must not know requests,
 * answers or who may have one.
 */
import { randomInt } from 'node:crypto';
import type Allocation from 'node-turn/lib/allocation.js';
import type User from 'node-turn/lib/user.js';
import { parseUsername } from '../credential.ts';
import type { DataPath, Flow } from '../data-path/data-path.ts';
import { type Directory, type RoomWords, roomWords } from '../data-path/directory.ts';
import type { IpFamily } from '../data-path/ip-words.ts';
import type { Admissions, RelayPort } from '../policy/admissions.ts';
import type { Holder } from '../policy/allocation-quota.ts';
import { type ControlClient, fiveTupleOf } from './control-client.ts';

/** Ports found taken by other programs before an Allocate is given up. */
const PORT_ATTEMPTS = 64;

export interface LiveAllocation {
  readonly fiveTuple: string;
  readonly client: ControlClient;
  readonly flow: Flow;
  readonly family: IpFamily;
  readonly user: User;
  readonly holder: Holder;
  readonly room: RoomWords | null;
  /** node-turn's record, which its dispatch looks for. */
  readonly record: Allocation;
  /** RESERVATION-TOKEN that the answer gave, for its retransmissions; null when it gave none. */
  readonly token: string | null;
}

/** Which port an Allocate asks for. */
export interface PortWish {
  /** Relay addresses that may serve, by index, in order of preference. */
  readonly relays: readonly number[];
  readonly even: boolean;
  /** Whether the port after it is wanted in reserve (RFC 8656 s7.2, R bit). */
  readonly pair: boolean;
}

export interface AllocationsOptions {
  readonly dataPath: DataPath;
  readonly directory: Directory;
  readonly admissions: Admissions;
  readonly minPort: number;
  readonly maxPort: number;
  /** An allocation ended, by request or by time. */
  readonly onReleased: (allocation: LiveAllocation) => void;
}

/** Whose allocation it is. The same peer with a fresh credential is the same user. */
export function holderOf(user: User): Holder {
  const parsed = parseUsername(user.username);
  return { user: parsed?.peerId ?? user.username, room: parsed?.roomTag ?? null };
}

export function roomOf(holder: Holder): RoomWords | null {
  return holder.room === null ? null : roomWords(holder.room);
}

export class Allocations {
  readonly #options: AllocationsOptions;
  readonly #byFiveTuple = new Map<string, LiveAllocation>();

  constructor(options: AllocationsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#byFiveTuple.size;
  }

  all(): LiveAllocation[] {
    return [...this.#byFiveTuple.values()];
  }

  find(fiveTuple: string): LiveAllocation | undefined {
    return this.#byFiveTuple.get(fiveTuple);
  }

  ofClient(client: ControlClient): LiveAllocation | undefined {
    return this.find(fiveTupleOf(client));
  }

  /**
   * Draws a port and goes on from there, so that a free one is found in a range nearly full (RFC 6056 s3.3.1). With
   * `pair` the next port is claimed as well. Null when there is none; a system that has no descriptor left has none.
   */
  async openFlow(client: ControlClient, room: RoomWords | null, wish: PortWish): Promise<Flow | null> {
    const { directory, minPort, maxPort } = this.#options;
    const ports = maxPort - minPort + 1;
    for (const relay of wish.relays) {
      const drawn = randomInt(ports);
      let attempts = 0;
      for (let step = 0; step < ports && attempts < PORT_ATTEMPTS; step += 1) {
        const port = minPort + ((drawn + step) % ports);
        if (wish.even && port % 2 !== 0) {
          continue;
        }
        if ((wish.pair && port === maxPort) || !directory.claim(relay, port)) {
          continue;
        }
        if (wish.pair && !directory.claim(relay, port + 1)) {
          directory.release(relay, port);
          continue;
        }
        attempts += 1;
        const flow = await this.openClaimed(client, room, { relay, port });
        if (flow !== null) {
          return flow;
        }
        if (wish.pair) {
          directory.release(relay, port + 1);
        }
      }
    }
    return null;
  }

  /** Opens a port that is claimed; gives it back, and null, when it cannot be bound. */
  async openClaimed(client: ControlClient, room: RoomWords | null, at: RelayPort): Promise<Flow | null> {
    try {
      return await this.#options.dataPath.openFlow({ client, ...at, room });
    } catch {
      this.#options.directory.release(at.relay, at.port);
      return null;
    }
  }

  /** Closes a flow that is of no allocation, or of none any more, and gives back what it took. */
  giveUp(flow: Flow, holder: Holder): void {
    flow.close();
    this.#options.directory.release(flow.relay, flow.port);
    this.#options.admissions.giveBack(holder);
  }

  /** Takes up an allocation, which ends in `lifetimeSeconds` unless `extend` is called. */
  add(allocation: LiveAllocation, lifetimeSeconds: number): void {
    const { flow, client } = allocation;
    this.#byFiveTuple.set(allocation.fiveTuple, allocation);
    this.#options.directory.publish(flow.relay, flow.port, allocation.room, client);
    if (client.kind === 'stream') {
      client.attach(flow);
    }
    this.extend(allocation, lifetimeSeconds);
  }

  /** Sets the time that is left, in seconds. */
  extend(allocation: LiveAllocation, lifetimeSeconds: number): void {
    const { record } = allocation;
    clearTimeout(record.timer);
    record.timer = setTimeout(() => this.release(allocation), lifetimeSeconds * 1000);
  }

  /** node-turn forgets a released allocation but keeps its socket, and so its port, for ever. Idempotent. */
  release(allocation: LiveAllocation): void {
    const { fiveTuple, flow, client, record, holder } = allocation;
    if (this.#byFiveTuple.get(fiveTuple) !== allocation) {
      return;
    }
    this.#byFiveTuple.delete(fiveTuple);
    clearTimeout(record.timer);
    this.giveUp(flow, holder);
    if (client.kind === 'stream') {
      client.detach();
    }
    this.#options.onReleased(allocation);
  }
}
