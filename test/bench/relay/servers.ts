/**
 * Owns the relays under load: ours with either data path, and coturn, each a process of its own, with one thread that
 * relays, pinned to one core, on loopback. Knows nothing of the load.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REALM, SECRET } from './generator.ts';

export const SERVERS = ['batched', 'portable', 'coturn'] as const;
export type ServerName = (typeof SERVERS)[number];

const LOOPBACK = '127.0.0.1';
const START_MS = 20_000;
/** Relayed ports: not those that Linux hands out by itself, of which the generator takes thousands. */
const MIN_PORT = 10_000;
const MAX_PORT = 32_767;
/** A Binding request (RFC 8489 s5): whoever answers it is there. */
const BINDING = Buffer.from('000100002112a442706172ffffffffffffffffff', 'hex');

export interface Server {
  readonly name: ServerName;
  readonly port: number;
  readonly pid: number;
  /** Resident memory, in kilobytes of 1024 octets. */
  residentKb(): number;
  /** Open descriptors. */
  descriptors(): number;
  /** Lets it go before all else on its core, or as everybody again. False where the system does not allow that. */
  setFirst(isFirst: boolean): boolean;
  stop(): Promise<void>;
}

export async function startServer(name: ServerName, core: number): Promise<Server> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-server-'));
  const [command, env] = name === 'coturn' ? coturn(port, folder) : ours(name, port);
  const child = spawn('taskset', ['-c', String(core), ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  const { pid } = child;
  const kill = () => child.kill('SIGTERM');
  process.on('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    if (child.exitCode === null && child.signalCode === null) {
      kill();
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  if (pid === undefined || !(await answers(port, child))) {
    await stop();
    throw new Error(`${name} did not start: ${complaint.trim()}`);
  }
  return {
    name,
    port,
    pid,
    residentKb: () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    setFirst: (isFirst) => {
      const policy = isFirst ? ['-f', '-p', '1'] : ['-o', '-p', '0'];
      return spawnSync('chrt', ['-a', ...policy, String(pid)], { stdio: 'ignore' }).status === 0;
    },
    stop,
  };
}

type Start = readonly [command: readonly string[], env: Readonly<Record<string, string>>];

function ours(dataPath: 'batched' | 'portable', port: number): Start {
  const main = join(import.meta.dirname, '../../../turn-host/main.ts');
  return [
    [process.execPath, '--max-semi-space-size=4', main],
    {
      TURN_SECRET: SECRET,
      TURN_PORT: String(port),
      TURN_LISTEN: LOOPBACK,
      TURN_RELAY_IP: LOOPBACK,
      TURN_REALM: REALM,
      TURN_MIN_PORT: String(MIN_PORT),
      TURN_MAX_PORT: String(MAX_PORT),
      // The peers of the load are on loopback too.
      TURN_PEER_POLICY: 'public',
      TURN_ALLOW_LOOPBACK: '1',
      TURN_WORKERS: '1',
      DATA_PATH: dataPath,
      // All clients are at one address.
      TURN_MAX_NEW_PER_SECOND: '0',
      TURN_MAX_UNAUTHENTICATED_PER_SECOND: '1000000',
    },
  ];
}

function coturn(port: number, folder: string): Start {
  return [
    [
      'turnserver',
      ...['-n', '--no-tls', '--no-dtls', '--no-tcp', '--no-tcp-relay', '--no-cli', '--relay-threads=1'],
      ...[`--listening-ip=${LOOPBACK}`, `--relay-ip=${LOOPBACK}`, `--listening-port=${port}`],
      ...[`--min-port=${MIN_PORT}`, `--max-port=${MAX_PORT}`],
      ...['--allow-loopback-peers', `--realm=${REALM}`, '--use-auth-secret'],
      ...[`--static-auth-secret=${SECRET}`, `--pidfile=${join(folder, 'pid')}`],
      ...[`--log-file=${join(folder, 'log')}`, '--simple-log', `--userdb=${join(folder, 'db')}`],
    ],
    {},
  ];
}

async function freePort(): Promise<number> {
  const probe = createSocket('udp4').bind(0, LOOPBACK);
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  const socket = createSocket('udp4');
  let isAnswered = false;
  socket.on('message', () => {
    isAnswered = true;
  });
  socket.on('error', () => undefined);
  const endsAtMs = performance.now() + START_MS;
  while (!isAnswered && child.exitCode === null && performance.now() < endsAtMs) {
    socket.send(BINDING, port, LOOPBACK);
    await sleep(100);
  }
  socket.close();
  return isAnswered;
}
