import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lanCertificate } from '../../scripts/lib/authority.ts';
import { claimPort } from '../../scripts/lib/ports.ts';
import { mintCredential } from '../../turn-host/credential.ts';
import { GrantHandler } from '../../turn-host/engine/grant-requests.ts';
import { startTurnHost, type TurnHost } from '../../turn-host/host.ts';
import { ensureCoturn } from '../fixtures/coturn.ts';
import { libcFor, sayPassedOver } from '../fixtures/passed-over.ts';
import { openClient } from './client.ts';
import { relayConfig } from './relay-config.ts';

const run = promisify(execFile);

const hasCoturn = await ensureCoturn();
if (!hasCoturn) {
  sayPassedOver('what is tried with coturn', 'it cannot be installed here; its Debian package has it');
}
const libc = await libcFor("coturn's client on the batched data path");
const withCoturn = it.skipIf(!hasCoturn);

const folder = mkdtempSync(join(tmpdir(), 'parley-coturn-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [certFile, keyFile] = [join(folder, 'relay.crt'), join(folder, 'relay.key')];
beforeAll(async () => {
  const { certificate, key } = await lanCertificate(join(folder, 'authority'), []);
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key);
});

async function startRelay(env: Record<string, string>): Promise<TurnHost> {
  return startTurnHost(
    relayConfig({
      TURN_SECRET: 'a secret',
      TURN_ALLOW_LOOPBACK: '1',
      TURN_LISTEN: '127.0.0.1,::1',
      TURN_TLS_PORT: '0',
      TURN_TLS_CERT: certFile,
      TURN_TLS_KEY: keyFile,
      TURN_MAX_PER_USER: '1000',
      TURN_MAX_NEW_PER_SECOND: '0',
      ...env,
    }),
  );
}

/** coturn's client draws channel numbers from 0x4000 to 0x7FFF, and the last is none (RFC 5766 s11.2). */
const NO_CHANNEL = 0x7fff;
const channelBinds = vi.spyOn(GrantHandler.prototype, 'channelBind');
afterAll(() => channelBinds.mockRestore());
const drawsOfNone = () =>
  channelBinds.mock.calls.filter(([message]) => message.getAttribute('channel-number') === NO_CHANNEL).length;

/**
 * A relay for each run: the client leaves half of its allocations behind, and the next would be refused where it has a
 * port again. A client that drew the number which is none ends at the refusal due to it; then another draws.
 */
async function withRelay(
  env: Record<string, string>,
  body: (host: TurnHost) => Promise<void>,
): Promise<void> {
  for (let isDone = false; !isDone; ) {
    const before = drawsOfNone();
    const host = await startRelay(env);
    try {
      await body(host);
      expect(host.counted('refused400')).toBe(0);
      isDone = true;
    } catch (error) {
      // Twice where the client repeated itself before the answer came.
      const draws = drawsOfNone() - before;
      if (draws === 0 || host.counted('refused400') > draws) throw error;
    } finally {
      await host.close();
    }
  }
}

interface Load {
  readonly clients: number;
  readonly messages: number;
}

/** Runs coturn's client, which sends through the relay to itself; every message must come back. */
async function runClient(
  options: readonly string[],
  { clients, messages }: Load,
  target: string,
): Promise<void> {
  const secret = ['-W', 'a secret', '-u', 'peer'];
  const load = ['-y', '-c', '-n', String(messages), '-m', String(clients)];
  // What goes wrong it says on its standard output.
  const { stdout } = await run('turnutils_uclient', [...load, ...secret, ...options, target]).catch(
    (error: Error & { stdout?: string }) => {
      throw new Error(`${error.message}\n${error.stdout?.slice(-1_500)}`);
    },
  );
  expect(stdout).toContain(`tot_send_msgs=${clients * messages}, tot_recv_msgs=${clients * messages}`);
  expect(stdout).toContain('Total lost packets 0');
}

const KINDS = [
  ['channels', []],
  ['Send', ['-s']],
] as const;
const few: Load = { clients: 2, messages: 10 };
const many: Load = { clients: 40, messages: 25 };

describe("coturn's own client loses nothing", () => {
  const ways: [string, (host: TurnHost) => string[], string][] = [
    ['UDP', (host) => ['-p', String(host.port)], '127.0.0.1'],
    ['TCP', (host) => ['-t', '-p', String(host.port)], '127.0.0.1'],
    ['TLS', (host) => ['-t', '-S', '-p', String(host.tlsPort)], '127.0.0.1'],
    ['UDP over IPv6, relaying IPv6', (host) => ['-x', '-p', String(host.port)], '::1'],
    ['TCP over IPv6, relaying IPv4', (host) => ['-t', '-p', String(host.port)], '::1'],
  ];
  for (const [name, options, target] of ways) {
    for (const [kind, more] of KINDS) {
      const body = () =>
        withRelay({}, async (host) => {
          await runClient([...options(host), ...more], few, target);
          expect(host.counted('packetsFromClients')).toBeGreaterThanOrEqual(20);
          expect(host.counted('unhandled')).toBe(0);
        });
      // The client spends most of its time waiting.
      withCoturn(`over ${name}, by ${kind}`, { concurrent: true }, body);
    }
  }

  for (const dataPath of ['portable', 'batched'] as const) {
    for (const [kind, more] of KINDS) {
      const here = it.skipIf(!hasCoturn || (dataPath === 'batched' && libc === null));
      here(`with many clients at once, by ${kind}, on the ${dataPath} data path`, () =>
        withRelay({ DATA_PATH: dataPath }, (host) =>
          runClient([...more, '-p', String(host.port)], many, '127.0.0.1'),
        ),
      );
    }
  }
});

withCoturn("coturn's use-auth-secret takes a minted credential", async () => {
  const options = ['-n', '--no-tls', '--no-dtls', '--no-tcp', '--no-cli', '--listening-ip=127.0.0.1'];
  const secret = ['--use-auth-secret', '--static-auth-secret=a secret', '--realm=parley'];
  const files = [`--pidfile=${join(folder, 'pid')}`, '--log-file=stdout', `--userdb=${join(folder, 'db')}`];
  const minted = await mintCredential('a secret', 'tag.peer', Math.floor(Date.now() / 1000) + 60);
  // Between being claimed and being bound a port may become another program's: then the next one is tried.
  for (let answered = false; !answered; ) {
    const port = await claimPort('TURN_PORT', 'UDP', '127.0.0.1', 0);
    const place = [`--listening-port=${port}`, '--relay-ip=127.0.0.1'];
    const server = spawn('turnserver', [...options, ...secret, ...files, ...place], { stdio: 'ignore' });
    const client = await openClient(port, minted.username, minted.credential);
    try {
      await expect
        .poll(async () => server.exitCode ?? (await client.challenge(500)).errorCode)
        .not.toBeNull();
      if (server.exitCode !== null) continue;
      expect((await client.challenge()).errorCode).toBe(401);
      await expect(client.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
      answered = true;
    } finally {
      client.close();
      if (server.exitCode === null) {
        server.kill('SIGTERM');
        await once(server, 'exit');
      }
    }
  }
});
