/**
 * Owns what the handlers of requests have in common: the engine's parts, counting, refusing, whose allocation a request
 * is about. Must not know any one kind of request.
 */
import type Message from 'node-turn/lib/message.js';
import type { DataPath } from '../data-path/data-path.ts';
import type { Directory } from '../data-path/directory.ts';
import { Counter, type CounterName, type Counters } from '../metrics/counters.ts';
import type { Admissions } from '../policy/admissions.ts';
import type { PeerPolicy } from '../policy/peer-policy.ts';
import type { SourceLimiter } from '../policy/source-limiter.ts';
import { Allocations, type LiveAllocation } from './allocations.ts';
import { type ErrorCode, refuse, refuseUnknown } from './answers.ts';

export const SOFTWARE = 'Parley';
/** The values of REQUESTED-ADDRESS-FAMILY (RFC 8656 s18.6) and of address families in attributes (RFC 8489 s14.1). */
export const FAMILY_IPV4 = 1;
export const FAMILY_IPV6 = 2;

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

export class EngineContext {
  readonly options: EngineOptions;
  readonly allocations: Allocations;
  /** Nothing is made or answered any more. */
  isStopped = false;

  constructor(options: EngineOptions, onReleased: (allocation: LiveAllocation) => void) {
    const { dataPath, directory, admissions, minPort, maxPort } = options;
    this.options = options;
    this.allocations = new Allocations({
      ...{ dataPath, directory, admissions, minPort, maxPort },
      onReleased: (allocation) => {
        onReleased(allocation);
        this.count('allocationsReleased');
        this.options.log(`allocation released, ${this.allocations.count} in use`, () => describe(allocation));
      },
    });
  }

  /** Counts the refusal and answers with it. */
  refuse(reply: Message, code: ErrorCode): void {
    this.#countRefusal(code);
    refuse(reply, code);
  }

  /** 420, naming the types. */
  refuseUnknown(reply: Message, types: readonly number[]): void {
    this.#countRefusal(420);
    refuseUnknown(reply, types);
  }

  /** The allocation that the request is about; null, and the answer is given, when it is gone. */
  allocationOf(message: Message, reply: Message): LiveAllocation | null {
    const allocation = this.allocations.find(message.transport.get5Tuple());
    if (allocation === undefined || allocation.record !== message.allocation) {
      this.refuse(reply, 437);
      return null;
    }
    return allocation;
  }

  /** A fault of ours: counted and told, so that none is swallowed. */
  fault(error: unknown, line: string): void {
    this.count('unhandled');
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.options.log(line, () => words);
  }

  count(name: CounterName): void {
    const { counters } = this.options;
    counters[Counter[name]] = (counters[Counter[name]] ?? 0) + 1;
  }

  #countRefusal(code: ErrorCode): void {
    this.count(code === 401 || code === 438 ? 'unauthenticated' : `refused${code}`);
  }
}

/** For debugging: where the client is and which port it has. */
export function describe({ fiveTuple, flow }: LiveAllocation): string {
  return `${fiveTuple} port ${flow.port}`;
}
