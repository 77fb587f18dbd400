import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startRelay } from '../../scripts/lib/relay-process.ts';
import { projectRoot } from '../../scripts/lib/start-parley.ts';
import { mintCredential } from '../../turn-host/credential.ts';
import { Attr, openClient, Type } from './client.ts';

const ENTRY = new URL('../../turn-host/main.ts', import.meta.url).pathname;

function start(env: Record<string, string>): ChildProcess {
  const base = { PATH: process.env.PATH ?? '', TURN_LISTEN: '127.0.0.1', TURN_PORT: '0', TURN_SECRET: 's' };
  return spawn(process.execPath, [ENTRY], { env: { ...base, ...env }, stdio: 'pipe' });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout ?? child, 'data');
  return String(chunk);
}

async function failure(env: Record<string, string>): Promise<{ code: unknown; said: string }> {
  const child = start(env);
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  const [code] = await once(child, 'close');
  return { code, said };
}

it('says where it listens, and ends cleanly on SIGTERM', async () => {
  const child = start({});
  expect(await firstLine(child)).toMatch(
    /^relay listening on udp 127\.0\.0\.1:([0-9]+), tcp 127\.0\.0\.1:\1; peer policy room, /,
  );
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('ends with its parent when told to', async () => {
  const child = start({ TURN_EXIT_WITH_PARENT: '1' });
  await firstLine(child);
  child.stdin?.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('goes on when nobody reads its lines any more', async () => {
  const child = start({});
  const [, port = ''] = /udp 127\.0\.0\.1:([0-9]+)/.exec(await firstLine(child)) ?? [];
  child.stdout?.destroy();
  child.stderr?.destroy();
  const minted = await mintCredential('s', 'red.one', Math.floor(Date.now() / 1000) + 60);
  for (let count = 0; count < 3; count += 1) {
    const client = await openClient(Number(port), minted.username, minted.credential);
    await expect(client.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
    client.close();
  }
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('names a taken port and exits with 1', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  const { code, said } = await failure({ TURN_PORT: String(port) });
  holder.close();
  expect(code).toBe(1);
  expect(said).toContain(`UDP and TCP port ${port} of 127.0.0.1 is taken`);
});

it('names a certificate that it cannot use, with one worker and with two', async () => {
  for (const workers of ['1', '2']) {
    const files = { TURN_TLS_CERT: '/nowhere/relay.crt', TURN_TLS_KEY: ENTRY };
    const { code, said } = await failure({ ...files, TURN_WORKERS: workers });
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/^TURN_TLS_CERT and TURN_TLS_KEY are no .*nowhere/),
    ]);
  }
});

it('names a relay address that this host does not have, with one worker and with two', async () => {
  for (const workers of ['1', '2']) {
    const { code, said } = await failure({ TURN_RELAY_IP: '192.0.2.1', TURN_WORKERS: workers });
    expect([code, said]).toEqual([
      1,
      'Nothing can be relayed from 192.0.2.1: set TURN_RELAY_IP to addresses of this host.\n',
    ]);
  }
});

it('names a metrics port that is taken', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { code, said } = await failure({ TURN_METRICS_PORT: String(port) });
  holder.close();
  expect([code, said]).toEqual([1, expect.stringMatching(`^TURN_METRICS_PORT ${port} of .*EADDRINUSE`)]);
});

it('does not start without a secret', async () => {
  const { code, said } = await failure({ TURN_SECRET: '' });
  expect(code).toBe(1);
  expect(said).toContain('TURN_SECRET must be set');
});

it('leaves no socket and no timer behind once stopped (bare node-turn leaves both)', async () => {
  const program = new URL('./start-and-stop.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await firstLine(child)).toBe('stopped\n');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('names an unknown peer policy', async () => {
  const { code, said } = await failure({ TURN_PEER_POLICY: 'anyone' });
  expect(code).toBe(1);
  expect(said).toContain('TURN_PEER_POLICY must be room, public or lan, not "anyone".');
});

it.each([['public', 403] as const, ['lan', 0] as const])(
  'is told the peer policy %s by the program that starts it',
  async (peerPolicy, errorCode) => {
    const address = { listen: '127.0.0.1', relayIp: '127.0.0.1', port: 0 };
    const started = await startRelay({
      root: projectRoot,
      secret: 's',
      ...address,
      peerPolicy,
      onDeath: () => undefined,
    });
    const minted = await mintCredential('s', 'peer', Math.floor(Date.now() / 1000) + 60);
    const client = await openClient(started.port, minted.username, minted.credential);
    try {
      await client.allocate();
      expect((await client.permit({ ip: '10.0.0.1', port: 5000 })).errorCode).toBe(errorCode);
    } finally {
      client.close();
      await started.close();
    }
  },
);

it('answers 508 when it has no descriptor left, and serves again when some are given back', async () => {
  const env = { TURN_PEER_POLICY: 'room', TURN_MAX_PER_USER: '1000' };
  const base = { PATH: process.env.PATH ?? '', TURN_LISTEN: '127.0.0.1', TURN_PORT: '0', TURN_SECRET: 's' };
  const child = spawn('/bin/sh', ['-c', `ulimit -n 90; exec "${process.execPath}" "${ENTRY}"`], {
    env: { ...base, ...env },
    stdio: 'pipe',
  });
  const [, port = ''] = /udp 127\.0\.0\.1:([0-9]+)/.exec(await firstLine(child)) ?? [];
  const minted = await mintCredential('s', 'red.one', Math.floor(Date.now() / 1000) + 60);
  const clients: Awaited<ReturnType<typeof openClient>>[] = [];
  let refusal = '';
  while (refusal === '' && clients.length < 90) {
    const one = await openClient(Number(port), minted.username, minted.credential);
    clients.push(one);
    await one.allocate().catch((error: Error) => {
      refusal = error.message;
    });
  }
  expect(refusal).toBe('Allocate was answered 508');
  for (const one of clients.slice(0, 10)) {
    expect((await one.request(Type.refresh, [[Attr.lifetime, Buffer.alloc(4)]])).errorCode).toBe(0);
  }
  await expect(clients.at(-1)?.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
  for (const one of clients) {
    one.close();
  }
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('runs from what its Dockerfile copies, and nothing else of the project', async () => {
  const source = join(projectRoot, 'turn-host');
  const dockerfile = readFileSync(join(source, 'Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(\S+) \S+$/gm)].map(([, name = '']) => name);
  const folder = mkdtempSync(join(tmpdir(), 'parley-relay-'));
  try {
    for (const name of copied.flatMap((pattern) => globSync(pattern, { cwd: source }))) {
      cpSync(join(source, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
    const env = { PATH: process.env.PATH ?? '', TURN_LISTEN: '127.0.0.1', TURN_PORT: '0', TURN_SECRET: 's' };
    const entry = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]';
    const [program, ...words]: string[] = JSON.parse(entry);
    expect(program).toBe('node');
    const child = spawn(process.execPath, words, { cwd: folder, env, stdio: 'pipe' });
    expect(await firstLine(child)).toMatch(/^relay listening on udp /);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('is started everywhere with the same small young generation', () => {
  const flag = /--max-semi-space-size=\d+/.exec(readFileSync(join(projectRoot, 'package.json'), 'utf8'))?.[0];
  expect(flag).toBeDefined();
  for (const file of [
    'turn-host/Dockerfile',
    'turn-host/deploy/parley-relay.service',
    'scripts/lib/relay-process.ts',
    'test/bench/relay/servers.ts',
  ]) {
    expect([file, readFileSync(join(projectRoot, file), 'utf8').includes(`${flag}`)]).toEqual([file, true]);
  }
});
