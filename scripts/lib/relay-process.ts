/** Owns turn-host as a child process: starting it, knowing when it listens, noticing when it dies, ending it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { StartError } from './ports.ts';

export interface RelayOptions {
  root: string;
  secret: string;
  /** UDP port; 0 takes a free one. */
  port: number;
  listen: string;
  /** The address that relayed candidates carry. */
  relayIp: string;
  /** Which peers it relays to: members of the own room at this relay, public ones as well, or those of private networks besides. */
  peerPolicy: 'room' | 'public' | 'lan';
  /** Whether it listens on TCP as well, at the same port. */
  tcp?: boolean;
  /** TLS at a port of its own, 0 for a free one; the files are PEM. */
  tls?: { port: number; certFile: string; keyFile: string };
  /** Called once if the relay ends without having been asked to. */
  onDeath(description: string): void;
}

export interface RelayProcess {
  pid: number;
  /** Ports as bound; that of TLS is null without it. */
  port: number;
  tlsPort: number | null;
  /** Ends the relay and waits for it; idempotent. */
  close(): Promise<void>;
}

/** A guard against hanging: a relay that cannot start ends and says why. */
const READY_WITHIN_MS = 60_000;
const END_WITHIN_MS = 3_000;
/** What it says once it listens, with the ports it has. */
const LISTENING = /^relay listening on udp \S+:(\d+)[,;](?:.* tls \S+:(\d+)[,;])?.*\n/m;
const LOG_CAP_CHARACTERS = 4_000;

/** Resolves once the relay says that it listens.
 * @throws StartError with the relay's last words if it ends first or stays silent. */
export function startRelay(options: RelayOptions): Promise<RelayProcess> {
  const { root, secret, port, listen, relayIp, peerPolicy, tls, onDeath } = options;
  return new Promise((settle, reject) => {
    let state: 'starting' | 'running' | 'closing' | 'ended' = 'starting';
    let log = '';
    const child = spawn(process.execPath, ['--max-semi-space-size=4', join(root, 'turn-host', 'main.ts')], {
      cwd: root,
      // A group of its own: Ctrl-C reaches it through close() and is not mistaken for a death.
      detached: true,
      // The pipe ends with this process, which is how the relay learns that nobody will end it.
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        TURN_SECRET: secret,
        TURN_PORT: String(port),
        TURN_LISTEN: listen,
        TURN_RELAY_IP: relayIp,
        TURN_PEER_POLICY: peerPolicy,
        TURN_TCP: options.tcp === true ? '1' : '0',
        ...(tls === undefined
          ? {}
          : { TURN_TLS_PORT: String(tls.port), TURN_TLS_CERT: tls.certFile, TURN_TLS_KEY: tls.keyFile }),
        // Who ends Parley ends its calls: nothing is waited for.
        TURN_DRAIN_SECONDS: '0',
        TURN_EXIT_WITH_PARENT: '1',
      },
    });
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    const close = async (): Promise<void> => {
      if (state === 'ended') return;
      state = 'closing';
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
      await ended;
      clearTimeout(timer);
    };
    const timer = setTimeout(() => {
      if (state !== 'starting') return;
      void close().then(() => reject(new StartError(`The relay did not start in time. ${log.trim()}`)));
    }, READY_WITHIN_MS);

    child.stdin.on('error', () => {});
    const read = (text: string) => {
      log = (log + text).slice(-LOG_CAP_CHARACTERS);
      const listening = LISTENING.exec(log);
      if (state === 'starting' && listening !== null && child.pid !== undefined) {
        const [, bound, tlsBound] = listening;
        state = 'running';
        clearTimeout(timer);
        settle({
          pid: child.pid,
          port: Number(bound),
          tlsPort: tlsBound === undefined ? null : Number(tlsBound),
          close,
        });
      }
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', (error) => {
      state = 'ended';
      clearTimeout(timer);
      reject(new StartError(`The relay could not be started: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      const before = state;
      state = 'ended';
      clearTimeout(timer);
      const words = `${signal ?? `exit code ${code}`}${log.trim() === '' ? '' : `; it said: ${log.trim()}`}`;
      if (before === 'starting') reject(new StartError(`The relay could not start (${words})`));
      if (before === 'running') onDeath(words);
    });
  });
}
