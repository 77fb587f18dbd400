import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { renderUnicodeCompact } from 'uqr';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { claimPort } from '../../scripts/lib/ports.ts';
import { projectRoot, startParley } from '../../scripts/lib/start-parley.ts';
import { RoomClient } from '../rooms/room-client.ts';
import { TurnClient, udpWire } from '../turn-host/client.ts';

const children: ChildProcess[] = [];

interface Started {
  child: ChildProcess;
  output(): string;
  /** Once it has said all there is to say, or has ended. */
  ready: Promise<void>;
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
  let said = '';
  const ended = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  const ready = new Promise<void>((settle) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        if (/Ctrl-C.*\n/.test(said)) settle();
      });
    }
    child.once('close', () => settle());
  });
  return { child, output: () => said, ready, ended };
}

/** What stands for this machine's address on the LAN. Where it can, not the one that everything listens on by itself. */
const LAN_ADDRESS = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

/** How each that binds a port says that it cannot: who looks first, the relay, the server; and that there is none after it. */
const TAKEN = /already taken|taken by another program|Address already in use|PORT must be below 65535/;

/** At free ports of `host`: again with others, where another program took one meanwhile. */
async function startAt(
  host: string,
  env: Record<string, string>,
  ...words: string[]
): Promise<{ started: Started; port: number; turnPort: number }> {
  for (;;) {
    const port = await claimPort('PORT', 'TCP', host, 0);
    const turnPort = await claimPort('TURN_PORT', 'UDP', host, 0);
    const started = start({ ...env, PORT: String(port), TURN_PORT: String(turnPort) }, ...words);
    await started.ready;
    if (started.child.exitCode === null) return { started, port, turnPort };
    expect(started.output()).toMatch(TAKEN);
  }
}

/** The page at a URL, for whoever trusts `ca` and nothing else, by default what every device trusts. */
async function page(url: string, ca?: string): Promise<string> {
  const [response] = await once(get(url, { ca, agent: false }), 'response');
  return text(response);
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('npm start', () => {
  it.each([
    ['PORT is taken', 0, []],
    ['the port after it is, where --lan offers the authority', 1, ['--lan']],
  ])('ends with a sentence when %s', async (_what, after, words) => {
    const data = mkdtempSync(join(tmpdir(), 'parley-taken-'));
    onTestFinished(() => rmSync(data, { recursive: true }));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const env = { PORT: String(taken - after), HOST: '127.0.0.1', XDG_DATA_HOME: data };
    const { ended, output } = start(env, ...words);
    expect(await ended).toBe(1);
    expect(output().trim()).toMatch(
      new RegExp(`^TCP port ${taken} on 127.0.0.1 is already taken: .*PORT.*$`),
    );
  });

  it('ends with a sentence when the UDP port is taken', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const turnPort = socket.address().port;
    let output: () => string;
    do {
      const port = await claimPort('PORT', 'TCP', '127.0.0.1', 0);
      const started = start({ PORT: String(port), TURN_PORT: String(turnPort), HOST: '' });
      ({ output } = started);
      expect(await started.ended).toBe(1);
      // Between here and there the free port may have become another program's.
    } while (output().startsWith('TCP port'));
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
      const { started, port, turnPort } = await startAt('127.0.0.1', { HOST: '' });
      expect(started.output()).toContain(`Parley is at http://localhost:${port}\n`);
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      started.child.kill(signal);
      expect(await started.ended).toBe(code);
      expect(await claimPort('PORT', 'TCP', '127.0.0.1', port)).toBe(port);
      expect(await claimPort('TURN_PORT', 'UDP', '127.0.0.1', turnPort)).toBe(turnPort);
    },
  );

  it('with --lan serves HTTPS by an authority of its own, and all that a visitor of the LAN needs', async () => {
    const data = mkdtempSync(join(tmpdir(), 'parley-lan-'));
    onTestFinished(() => rmSync(data, { recursive: true }));
    const keyFile = join(data, 'parley', 'authority.key');
    const visit = async () => {
      const { started, port, turnPort } = await startAt(
        LAN_ADDRESS,
        { HOST: LAN_ADDRESS, XDG_DATA_HOME: data },
        '--lan',
      );
      const url = `https://${LAN_ADDRESS}:${port}`;
      expect(started.output()).toContain(
        `${renderUnicodeCompact(url, { border: 2 })}\nParley is at ${url}\n`,
      );
      const [authorityUrl = ''] = /http:\S+\/authority\.crt/.exec(started.output()) ?? [];
      expect(new URL(authorityUrl).hostname).toBe(LAN_ADDRESS);
      const download = await fetch(authorityUrl);
      expect(download.headers.get('content-type')).toBe('application/x-x509-ca-cert');
      expect((await fetch(new URL('/authority.key', authorityUrl))).status).toBe(404);
      const ca = await download.text();

      await expect(page(url)).rejects.toThrow('certificate');
      expect(await page(url, ca)).toContain('<title>');
      const visitor = await RoomClient.open(url, 'A'.repeat(22), { ca });
      const { iceServers } = await visitor.join('c2VhbGVk');
      visitor.end();
      expect(iceServers.map(({ urls }) => urls)).toEqual([[`turn:${LAN_ADDRESS}:${turnPort}?transport=udp`]]);
      const { username = '', credential = '' } = iceServers[0] ?? {};
      const member = new TurnClient(await udpWire(turnPort, LAN_ADDRESS), username, credential);
      expect((await member.allocate()).ip).toBe(LAN_ADDRESS);
      member.close();

      started.child.kill('SIGTERM');
      expect(await started.ended).toBe(143);
      return { ca, key: statSync(keyFile) };
    };
    const first = await visit();
    expect(first.key.mode & 0o777).toBe(0o600);
    const second = await visit();
    expect(second.ca).toBe(first.ca);
    expect(second.key.mtimeMs).toBe(first.key.mtimeMs);
  });

  it('stops and starts the server on one port, also where that is taken for a moment, and closes twice without harm', async () => {
    const parley = await startParley({ turn: false });
    try {
      expect(parley.turnPort).toBeNull();
      expect((await fetch(parley.url)).status).toBe(200);
      await parley.stopServer();
      await expect(fetch(parley.url)).rejects.toThrow();
      const other = createServer().listen(parley.port, '127.0.0.1');
      await once(other, 'listening');
      let isBack = false;
      const back = parley.startServer().then(() => {
        isBack = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(isBack).toBe(false);
      other.close();
      await back;
      expect((await fetch(parley.url)).status).toBe(200);
    } finally {
      await parley.close();
      await parley.close();
    }
  });
});
