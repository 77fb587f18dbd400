/**
 * Owns one worker of the relay: its data path, its engine and its listeners, in whatever thread it runs. All workers share
 * the directory, the nonce key and the admission desk, and each has all listeners: from outside they are one relay.
 */
import type { TurnHostConfig } from './config.ts';
import { createDataPath } from './data-path/choose.ts';
import type { DataPath, DataPathName } from './data-path/data-path.ts';
import type { Directory } from './data-path/directory.ts';
import type { ControlClient } from './engine/control-client.ts';
import { TurnEngine } from './engine/engine.ts';
import { Certificate } from './listen/certificate.ts';
import { ControlTurns } from './listen/control-turns.ts';
import { ConnectionGate, openStreamListener, type StreamListener } from './listen/stream-listener.ts';
import type { Counters } from './metrics/counters.ts';
import type { Admissions } from './policy/admissions.ts';
import { createPeerPolicy } from './policy/peer-policy.ts';
import { SourceLimiter } from './policy/source-limiter.ts';

const WANTED_BUFFER_BYTES = 4 << 20;
const BURST_SECONDS = 4;
/** Of new allocations, and so of new connections. */
const NEW_BURST_SECONDS = 5;
/** How often the system may choose: its port may be free for TCP or at one address, and taken for UDP or at another one. */
const MAX_DRAWS = 20;

/** The port that the system chose is taken where it is needed too. `cause` is the system's error. */
class DrawnPortTaken extends Error {}

export type Log = (line: string, addresses?: () => string) => void;

/** Ports as bound; null for what is not listened on. */
export interface BoundPorts {
  readonly udp: number;
  readonly tcp: number | null;
  readonly tls: number | null;
}

export interface WorkerOptions {
  readonly config: TurnHostConfig;
  /** Those of the first worker, or null for the first. */
  readonly ports: BoundPorts | null;
  readonly directory: Directory;
  readonly counters: Counters;
  readonly nonceKey: Uint8Array;
  readonly admissions: Admissions;
  readonly log: Log;
  readonly now: () => number;
}

export interface RelayWorker {
  readonly ports: BoundPorts;
  readonly dataPath: DataPathName;
  /** Reads the certificate again. */
  reload(): void;
  /** Ends every allocation and connection, gives every port back. Idempotent. */
  close(): Promise<void>;
}

/** Rejects with the system's error when it cannot listen; nothing is left open then. */
export async function startRelayWorker(options: WorkerOptions): Promise<RelayWorker> {
  for (let draw = 1; ; draw += 1) {
    // A new one each time, as a data path keeps its listeners until it is closed.
    const worker = await createWorker(options);
    try {
      await worker.listen();
      return worker;
    } catch (error) {
      await worker.close();
      if (!(error instanceof DrawnPortTaken)) {
        throw error;
      }
      if (draw === MAX_DRAWS) {
        throw error.cause;
      }
    }
  }
}

async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { config, directory, counters, now, log } = options;
  const { limits, peerPolicy, workers } = config;
  const total = limits.totalBytesPerSecond;
  // Before anything is open: it is what an operator gets wrong.
  const certificate =
    config.tls === null ? null : new Certificate(config.tls.certFile, config.tls.keyFile, log);
  const path = await createDataPath(
    config.dataPath,
    {
      directory,
      sameRoomOnly: peerPolicy === 'room',
      ownPortsOpen: config.allowLoopback,
      limits: { maxPermissions: limits.permissions, maxChannels: limits.channels },
      flowBytesPerSecond: limits.flowBytesPerSecond,
      totalBytesPerSecond: total === null ? null : Math.ceil(total / workers),
      counters,
      now,
      onControl: (packet, client) => worker.takeControl(packet, client),
    },
    log,
  );
  const worker = new Worker(options, path, certificate);
  return worker;
}

/** Listens on `port`, which is another than `wanted` where the system has chosen. Resolves to the port as bound. */
async function bind(
  wanted: number | null,
  port: number,
  open: (port: number) => Promise<number>,
): Promise<number> {
  try {
    return await open(port);
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw isTaken && port !== wanted ? new DrawnPortTaken('taken', { cause: error }) : error;
  }
}

class Worker implements RelayWorker {
  readonly #options: WorkerOptions;
  readonly #path: DataPath;
  readonly #engine: TurnEngine;
  readonly #certificate: Certificate | null;
  readonly #gate: ConnectionGate;
  readonly #turns = new ControlTurns();
  readonly #streams: StreamListener[] = [];
  #ports: BoundPorts = { udp: 0, tcp: null, tls: null };

  constructor(options: WorkerOptions, path: DataPath, certificate: Certificate | null) {
    const { config, directory, counters, nonceKey, admissions, log, now } = options;
    const { limits, realm, secrets, minPort, maxPort } = config;
    this.#options = options;
    this.#path = path;
    const unauthenticated = limits.unauthenticatedPerSecond;
    this.#engine = new TurnEngine({
      ...{ directory, admissions, counters, secrets, nonceKey, realm, minPort, maxPort, log, now },
      dataPath: path,
      policy: createPeerPolicy({
        name: config.peerPolicy,
        directory,
        listenAddresses: config.listenAddresses,
        allowLoopback: config.allowLoopback,
      }),
      unauthenticated: new SourceLimiter(unauthenticated, unauthenticated * BURST_SECONDS),
    });
    this.#certificate = certificate;
    const share = (count: number) => Math.ceil(count / config.workers);
    // As often as they may make allocations, for which they need one.
    const perSecond = limits.newAllocationsPerSecond;
    const pace = perSecond === 0 ? null : new SourceLimiter(perSecond, perSecond * NEW_BURST_SECONDS);
    this.#gate = new ConnectionGate(share(limits.connections), limits.connectionsPerSource, pace);
  }

  takeControl(packet: Buffer, client: ControlClient): void {
    this.#engine.receive(packet, client);
  }

  get ports(): BoundPorts {
    return this.#ports;
  }

  get dataPath(): DataPathName {
    return this.#path.name;
  }

  /** One port number for UDP and TCP at every address, one for TLS; 0 lets the system choose for the first of each. */
  async listen(): Promise<void> {
    const { config, ports, log } = this.#options;
    const reusePort = config.workers > 1;
    const wanted = { plain: ports?.udp ?? config.port, secure: ports?.tls ?? config.tls?.port ?? null };
    let { plain, secure } = wanted;
    for (const ip of config.listenAddresses) {
      if (config.tcp) {
        plain = await bind(wanted.plain, plain, (port) => this.#openStream(ip, port, null));
      }
      plain = await bind(wanted.plain, plain, async (port) => {
        const listener = await this.#path.listen({ ip, port, reusePort });
        const { receiveBufferBytes } = listener;
        if (receiveBufferBytes > 0 && receiveBufferBytes < WANTED_BUFFER_BYTES) {
          log(
            `socket buffers: ${receiveBufferBytes} bytes granted of ${WANTED_BUFFER_BYTES}; raise net.core.rmem_max`,
          );
        }
        return listener.port;
      });
      if (secure !== null) {
        secure = await bind(wanted.secure, secure, (port) => this.#openStream(ip, port, this.#certificate));
      }
    }
    this.#ports = { udp: plain, tcp: config.tcp ? plain : null, tls: secure };
  }

  reload(): void {
    this.#certificate?.reload();
  }

  async close(): Promise<void> {
    this.#engine.stop();
    this.#certificate?.close();
    await Promise.all([this.#path.close(), this.#closeStreams()]);
  }

  async #openStream(ip: string, port: number, certificate: Certificate | null): Promise<number> {
    const { config, counters } = this.#options;
    const listener = await openStreamListener({
      ...{ ip, port, certificate, counters },
      reusePort: config.workers > 1,
      idleMs: config.limits.idleSeconds * 1000,
      gate: this.#gate,
      turns: this.#turns,
      onControl: (packet, client) => this.takeControl(packet, client),
      onDisconnected: (client) => this.#engine.disconnected(client),
    });
    this.#streams.push(listener);
    return listener.port;
  }

  async #closeStreams(): Promise<void> {
    await Promise.all(this.#streams.splice(0).map((listener) => listener.close()));
  }
}
