/**
 * Owns a running relay: its workers, what they share, what watches it, and its end. Must not read the environment or end
 * the process.
 */
import { randomBytes } from 'node:crypto';
import type { TurnHostConfig } from './config.ts';
import type { DataPathName } from './data-path/data-path.ts';
import { Directory } from './data-path/directory.ts';
import { Counter, type Counters, createCounters } from './metrics/counters.ts';
import { expose } from './metrics/exposition.ts';
import { type MetricsServer, openMetricsServer } from './metrics/metrics-server.ts';
import { AdmissionDesk } from './policy/admissions.ts';
import { proveRelayAddresses } from './relay-addresses.ts';
import { type BoundPorts, type Log, type RelayWorker, startRelayWorker } from './relay-worker.ts';
import { startWorkerThread } from './worker-thread.ts';

const DRAIN_POLL_MS = 250;

export interface TurnHost {
  /** The UDP port listened on, at every address; TCP has the same. */
  readonly port: number;
  readonly tlsPort: number | null;
  readonly metricsPort: number | null;
  readonly dataPath: DataPathName;
  /** Allocations in use, those being made included. */
  readonly allocations: number;
  /** Reads the certificate again. Connections that are open keep theirs. */
  reload(): void;
  /** Makes no allocation any more; resolves when none is left, or after `drainSeconds`. */
  drain(): Promise<void>;
  /** The sum of a counter over all workers. */
  counted(name: keyof typeof Counter): number;
  /** Closes every socket and clears every timer. Idempotent. */
  close(): Promise<void>;
}

export interface TurnHostHooks {
  /** Given one line a life-cycle event. Default: nothing is said. */
  readonly log?: (line: string) => void;
  /** Unix time in milliseconds, with one worker. Default `Date.now`. */
  readonly now?: () => number;
  /** A worker ended by a fault; the relay is closed. */
  readonly onFailure?: (error: Error) => void;
}

/**
 * Starts a relay. Rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`) when it cannot listen, with
 * `CertificateError`, `RelayAddressError` or `MetricsPortError` for what those name.
 */
export async function startTurnHost(config: TurnHostConfig, hooks: TurnHostHooks = {}): Promise<TurnHost> {
  const host = new Host(config, hooks);
  try {
    await host.start();
    return host;
  } catch (error) {
    await host.close();
    throw error;
  }
}

class Host implements TurnHost {
  readonly #config: TurnHostConfig;
  readonly #hooks: TurnHostHooks;
  readonly #directory: Directory;
  readonly #desk: AdmissionDesk;
  readonly #counters: Counters[] = [];
  readonly #workers: RelayWorker[] = [];
  #metrics: MetricsServer | null = null;
  #isDraining = false;
  #isClosed = false;

  constructor(config: TurnHostConfig, hooks: TurnHostHooks) {
    this.#config = config;
    this.#hooks = hooks;
    this.#directory = new Directory(config.relays);
    const { limits, minPort, maxPort, relays } = config;
    this.#desk = new AdmissionDesk({
      limits: {
        perUser: limits.allocationsPerUser,
        perRoom: limits.allocationsPerRoom,
        inAll: (maxPort - minPort + 1) * relays.length,
      },
      newPerSecond: limits.newAllocationsPerSecond,
      directory: this.#directory,
    });
  }

  get #ports(): BoundPorts | null {
    return this.#workers[0]?.ports ?? null;
  }

  get port(): number {
    return this.#ports?.udp ?? 0;
  }

  get tlsPort(): number | null {
    return this.#ports?.tls ?? null;
  }

  get metricsPort(): number | null {
    return this.#metrics?.port ?? null;
  }

  get dataPath(): DataPathName {
    return this.#workers[0]?.dataPath ?? 'portable';
  }

  get allocations(): number {
    return this.#desk.inUse;
  }

  async start(): Promise<void> {
    const { workers, metricsPort, relays } = this.#config;
    await proveRelayAddresses(relays);
    const nonceKey = randomBytes(32);
    // One after the other: the first may let the system choose the ports, the others take the same.
    for (let number = 0; number < workers; number += 1) {
      this.#workers.push(await this.#startWorker(number, nonceKey));
    }
    if (metricsPort !== null) {
      this.#metrics = await openMetricsServer(metricsPort, {
        isDraining: () => this.#isDraining,
        metrics: () => this.#exposition(),
      });
    }
  }

  reload(): void {
    for (const worker of this.#workers) {
      worker.reload();
    }
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#desk.drain();
    const endMs = performance.now() + this.#config.drainSeconds * 1000;
    while (this.#desk.inUse > 0 && performance.now() < endMs && !this.#isClosed) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  counted(name: keyof typeof Counter): number {
    return this.#counters.reduce((total, counters) => total + (counters[Counter[name]] ?? 0), 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#metrics?.close(), ...this.#workers.map((worker) => worker.close())]);
    this.#desk.close();
  }

  #startWorker(number: number, nonceKey: Uint8Array): Promise<RelayWorker> {
    const counters = createCounters();
    this.#counters.push(counters);
    const shared = {
      config: this.#config,
      ports: this.#ports,
      directory: this.#directory,
      counters,
      nonceKey,
    };
    const common = { ...shared, admissions: this.#desk, log: this.#log };
    if (this.#config.workers === 1) {
      return startRelayWorker({ ...common, now: this.#hooks.now ?? Date.now });
    }
    return startWorkerThread({ ...common, number, onDeath: (error) => this.#failed(error) });
  }

  readonly #log: Log = (line, addresses) => {
    const more = this.#config.debug && addresses ? ` ${addresses()}` : '';
    this.#hooks.log?.(`${line}${more}`);
  };

  #failed(error: Error): void {
    this.#log('a worker ended by a fault', () => error.stack ?? error.message);
    void this.close().then(() => this.#hooks.onFailure?.(error));
  }

  #exposition(): string {
    return expose(this.#counters, {
      allocations: this.#desk.inUse,
      workers: this.#config.workers,
      isDraining: this.#isDraining,
      dataPath: this.dataPath,
    });
  }
}
