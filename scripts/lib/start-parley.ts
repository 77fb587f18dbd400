/**
 * Owns a whole Parley on this machine: the built client, the Worker with its rooms, and the relay beside it. `npm
 * start` and the browser tests are its two callers; it prints nothing and installs no signal handler.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureClient } from './client.ts';
import { claimPort, lanAddresses, StartError } from './ports.ts';
import { type RelayProcess, startRelay } from './relay-process.ts';
import { startWorkerServer, type WorkerServer } from './worker-server.ts';

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** How often the server tries to have its port back, and how long it waits between. */
const RETURN_TRIES = 20;
const RETURN_PAUSE_MS = 500;

export type RelayTransport = 'udp' | 'tcp' | 'tls';

export interface StartOptions {
  /** TCP port of the server; 0, the default, takes a free one. */
  port?: number;
  /** UDP port of the relay; 0, the default, takes a free one. */
  turnPort?: number;
  /** IPv4 address to listen on, 127.0.0.1 by default. */
  host?: string;
  /** Address under which browsers reach server and relay; by default `host`, or a LAN address for 0.0.0.0. */
  advertisedHost?: string;
  /** UDP port under which browsers reach the relay, where something stands before it; by default its own. */
  advertisedTurnPort?: number;
  /** Whether to start the relay and offer it, true by default. */
  turn?: boolean;
  /** Which peers the relay serves, `room` by default: relayed addresses of the own room's members. */
  peerPolicy?: 'room' | 'public' | 'lan';
  /** How browsers are told to reach the relay, over UDP alone by default: every way more is candidates to gather. */
  relayTransports?: readonly RelayTransport[];
  /** PEM files of the relay's own certificate, for `tls`. */
  relayTls?: { certFile: string; keyFile: string };
  turnSecret?: string;
  ticketKey?: string;
  credentialTtlSeconds?: number;
  capacity?: number;
  /** Origins besides the server's own that may open rooms, comma-separated. */
  allowedOrigins?: string;
  /** URLs of STUN servers, comma-separated; none by default. */
  stunUrls?: string;
  tls?: { key: string; certificate: string };
  /** Build the client when it is older than its sources, true by default. */
  buildClient?: boolean;
  announce?(line: string): void;
  /** The relay ended without having been asked to. */
  onRelayDeath?(description: string): void;
}

export interface Parley {
  /** Where a browser on this machine opens it, without a slash at the end. */
  url: string;
  port: number;
  /** UDP port of the relay; null without one. */
  turnPort: number | null;
  turnSecret: string;
  ticketKey: string;
  /** Takes the server away, the relay stays; idempotent. */
  stopServer(): Promise<void>;
  /**
   * Brings the server back on the same port with the same keys; nothing happens while it runs. While it is away another program
   * may take the port, if only for one connection: it is waited for, some ten seconds.
   */
  startServer(): Promise<void>;
  /** Ends everything; idempotent. */
  close(): Promise<void>;
}

/** @throws StartError with a sentence for the person when a port is taken or a part does not start; nothing that
 * was started is left behind. */
export async function startParley(options: StartOptions = {}): Promise<Parley> {
  const host = options.host ?? '127.0.0.1';
  const everywhere = host === '0.0.0.0';
  const advertised = options.advertisedHost ?? (everywhere ? (lanAddresses()[0] ?? '127.0.0.1') : host);
  const turnSecret = options.turnSecret ?? randomBytes(32).toString('base64url');
  const ticketKey = options.ticketKey ?? randomBytes(32).toString('base64url');
  const transports = options.relayTransports ?? ['udp'];
  const withRelay = options.turn !== false;
  let { port = 0, turnPort = 0 } = options;
  // Looked at before anything starts, for the sentence. Any free one is for who binds it to say: it is nobody's till then.
  if (port !== 0) await claimPort('PORT', 'TCP', host, port);
  if (withRelay && turnPort !== 0) await claimPort('TURN_PORT', 'UDP', host, turnPort);

  if (options.buildClient !== false) await ensureClient(projectRoot, options.announce ?? (() => {}));

  const bindings: Record<string, string> = {
    TICKET_KEY: ticketKey,
    TURN_SECRET: turnSecret,
    TURN_URLS: '',
    STUN_URLS: options.stunUrls ?? '',
    ...(options.allowedOrigins === undefined ? {} : { ALLOWED_ORIGINS: options.allowedOrigins }),
    ...(options.capacity === undefined ? {} : { ROOM_CAPACITY: String(options.capacity) }),
    ...(options.credentialTtlSeconds === undefined
      ? {}
      : { CREDENTIAL_TTL_SECONDS: String(options.credentialTtlSeconds) }),
  };

  let relay: RelayProcess | null = null;
  let server: WorkerServer | null = null;
  let wasThere = false;
  let closing = false;
  /** Starts and stops of the server happen one after the other, in the order they were asked for. */
  let turn: Promise<void> = Promise.resolve();
  const inOrder = (step: () => Promise<void>): Promise<void> => {
    const next = turn.then(step);
    turn = next.catch(() => {});
    return next;
  };

  const startServer = () =>
    inOrder(async () => {
      if (server !== null || closing) return;
      const { tls } = options;
      for (let triesLeft = wasThere ? RETURN_TRIES : 1; server === null; ) {
        triesLeft -= 1;
        try {
          server = await startWorkerServer({
            root: projectRoot,
            host,
            port,
            bindings,
            ...(tls === undefined ? {} : { tls }),
          });
        } catch (error) {
          const isTaken = error instanceof StartError && error.message.includes('Address already in use');
          if (!isTaken || triesLeft === 0 || closing) throw error;
          await new Promise((resolve) => setTimeout(resolve, RETURN_PAUSE_MS));
        }
      }
      ({ port } = server);
      wasThere = true;
    });
  const stopServer = () =>
    inOrder(async () => {
      const running = server;
      server = null;
      await running?.close();
    });
  const close = async () => {
    closing = true;
    await Promise.all([stopServer(), relay?.close()]);
  };

  try {
    if (withRelay) {
      relay = await startRelay({
        root: projectRoot,
        secret: turnSecret,
        port: turnPort,
        listen: host,
        relayIp: advertised,
        peerPolicy: options.peerPolicy ?? 'room',
        tcp: transports.includes('tcp'),
        ...(options.relayTls === undefined ? {} : { tls: { port: 0, ...options.relayTls } }),
        onDeath: (description) => options.onRelayDeath?.(description),
      });
      turnPort = relay.port;
      bindings.TURN_URLS = relayUrls(transports, advertised, {
        port: options.advertisedTurnPort ?? relay.port,
        tlsPort: relay.tlsPort,
      });
    }
    await startServer();
  } catch (error) {
    await close();
    throw error;
  }

  const scheme = options.tls === undefined ? 'http' : 'https';
  const shown = host === '127.0.0.1' || everywhere ? 'localhost' : host;
  return {
    url: `${scheme}://${shown}:${port}`,
    port,
    turnPort: withRelay ? turnPort : null,
    turnSecret,
    ticketKey,
    stopServer,
    startServer,
    close,
  };
}

function relayUrls(
  transports: readonly RelayTransport[],
  host: string,
  { port, tlsPort }: Pick<RelayProcess, 'port' | 'tlsPort'>,
): string {
  const url = (transport: RelayTransport) =>
    transport === 'tls'
      ? `turns:${host}:${tlsPort}?transport=tcp`
      : `turn:${host}:${port}?transport=${transport}`;
  return transports.map(url).join(',');
}
