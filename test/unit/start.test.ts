import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { claimPort } from '../../scripts/lib/ports.ts';
import { projectRoot, startParley } from '../../scripts/lib/start-parley.ts';

const children: ChildProcess[] = [];

interface Started {
  child: ChildProcess;
  output(): string;
  /** The exit code once the process and everything that shares its output have ended. */
  ended: Promise<number | null>;
}

function start(env: Record<string, string>, ...words: string[]): Started {
  const child = spawn(process.execPath, [join(projectRoot, 'scripts', 'start.ts'), ...words], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  return { child, output: () => text, ended };
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('npm start', () => {
  it('ends with a sentence when the TCP port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { ended, output } = start({ PORT: String(port), HOST: '127.0.0.1' });
    expect(await ended).toBe(1);
    expect(output().trim()).toMatch(new RegExp(`^TCP port ${port} on 127.0.0.1 is already taken: .*PORT.*$`));
    server.close();
  });

  it('ends with a sentence when the UDP port is taken', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const turnPort = socket.address().port;
    const port = await claimPort('PORT', 'TCP', '127.0.0.1', 0);
    const { ended, output } = start({ PORT: String(port), TURN_PORT: String(turnPort), HOST: '' });
    expect(await ended).toBe(1);
    expect(output().trim()).toMatch(/^UDP port \d+ on 127.0.0.1 is already taken: .*TURN_PORT.*$/);
    socket.close();
  });

  it.each([
    [{ PORT: '80x' }, [], 'PORT must be a whole number from 1 to 65535, not "80x".'],
    [{ TURN_PORT: '0' }, [], 'TURN_PORT must be a whole number from 1 to 65535, not "0".'],
    [{ HOST: 'call.example' }, [], 'HOST must be an IPv4 address or localhost, not "call.example".'],
    [{}, ['--wan'], "Unknown option '--wan'. The one option is --lan."],
  ])('refuses %j %j', async (env, words, sentence) => {
    const { ended, output } = start({ PORT: '', TURN_PORT: '', HOST: '', ...env }, ...words);
    expect(await ended).toBe(1);
    expect(output().trim()).toBe(sentence);
  });

  it.each([['SIGINT', 130] as const, ['SIGTERM', 143] as const])(
    'prints where to go, and on %s ends every process it started',
    async (signal, code) => {
      const port = await claimPort('PORT', 'TCP', '127.0.0.1', 0);
      const turnPort = await claimPort('TURN_PORT', 'UDP', '127.0.0.1', 0);
      const started = start({ PORT: String(port), TURN_PORT: String(turnPort), HOST: '' });
      await expect
        .poll(() => started.output().includes('Ctrl-C') || started.child.exitCode !== null)
        .toBe(true);
      expect(started.output()).toContain(`Parley is at http://localhost:${port}\n`);
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      started.child.kill(signal);
      expect(await started.ended).toBe(code);
      expect(await claimPort('PORT', 'TCP', '127.0.0.1', port)).toBe(port);
      expect(await claimPort('TURN_PORT', 'UDP', '127.0.0.1', turnPort)).toBe(turnPort);
    },
  );

  it('stops and starts the server on one port for a test, and closes twice without harm', async () => {
    const parley = await startParley({ turn: false });
    try {
      expect(parley.turnPort).toBeNull();
      expect((await fetch(parley.url)).status).toBe(200);
      await parley.stopServer();
      await expect(fetch(parley.url)).rejects.toThrow();
      await parley.startServer();
      expect((await fetch(parley.url)).status).toBe(200);
    } finally {
      await parley.close();
      await parley.close();
    }
  });
});
