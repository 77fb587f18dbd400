import { execFile, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost } from '../../turn-host/host.ts';
import { openClient } from './client.ts';
import { relayConfig } from './relay-config.ts';

const run = promisify(execFile);

function installed(program: string): boolean {
  return spawnSync(program, ['-h'], { stdio: 'ignore' }).error === undefined;
}

/** Registers a test that needs coturn, or says in a line that it is passed over. */
function withCoturn(program: string, name: string, body: () => Promise<void>): void {
  if (installed(program)) {
    it(name, body, 30_000);
  } else {
    it(`${name}: passed over`, () => {
      process.stdout.write(
        `passed over: ${name} (${program} is not installed; it is in the package coturn)\n`,
      );
    });
  }
}

withCoturn(
  'turnutils_uclient',
  "serves coturn's own client by channels and by Send, losing nothing",
  async () => {
    const host = await startTurnHost(relayConfig({ TURN_SECRET: 'a secret', TURN_ALLOW_LOOPBACK: '1' }));
    const common = [
      '-c',
      '-y',
      '-n',
      '10',
      '-m',
      '2',
      '-W',
      'a secret',
      '-u',
      'peer',
      '-p',
      String(host.port),
    ];
    try {
      for (const mode of [[], ['-s']]) {
        const { stdout } = await run('turnutils_uclient', [...common, ...mode, '127.0.0.1']);
        expect(stdout).toContain('tot_send_msgs=20, tot_recv_msgs=20');
        expect(stdout).toContain('Total lost packets 0');
      }
    } finally {
      await host.close();
    }
  },
);

withCoturn('turnserver', "coturn's use-auth-secret takes a minted credential", async () => {
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const folder = mkdtempSync(join(tmpdir(), 'parley-coturn-'));
  const options = ['-n', '--no-tls', '--no-dtls', '--no-tcp', '--no-cli', '--listening-ip=127.0.0.1'];
  const secret = ['--use-auth-secret', '--static-auth-secret=a secret', '--realm=parley'];
  const files = [`--pidfile=${join(folder, 'pid')}`, '--log-file=stdout', `--userdb=${join(folder, 'db')}`];
  const place = [`--listening-port=${port}`, '--relay-ip=127.0.0.1'];
  const server = spawn('turnserver', [...options, ...secret, ...files, ...place], { stdio: 'ignore' });
  try {
    const minted = await mintCredential('a secret', 'tag.peer', Math.floor(Date.now() / 1000) + 60);
    const client = await openClient(port, minted.username, minted.credential);
    await expect
      .poll(() => client.challenge(500).then((answer) => answer.errorCode), { timeout: 20_000 })
      .toBe(401);
    await expect(client.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
    client.close();
  } finally {
    server.kill('SIGTERM');
    await once(server, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
});
