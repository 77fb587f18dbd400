import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { claimPort, readHost, readPort, StartError } from '../../scripts/lib/ports.ts';

describe('settings of npm start', () => {
  it('reads ports from 1 to 65535 and falls back when unset', () => {
    expect(readPort('PORT', undefined, 8787)).toBe(8787);
    expect(readPort('PORT', '', 8787)).toBe(8787);
    expect(readPort('PORT', '65535', 8787)).toBe(65_535);
  });

  it.each(['0', '65536', '-1', '80a', '1e3', ' 80', '999999'])('refuses the port %j by name', (text) => {
    expect(() => readPort('TURN_PORT', text, 3478)).toThrow(StartError);
    expect(() => readPort('TURN_PORT', text, 3478)).toThrow(/TURN_PORT must be a whole number/);
  });

  it('takes addresses and localhost as host, and no names', () => {
    expect(readHost(undefined, '127.0.0.1')).toBe('127.0.0.1');
    expect(readHost('localhost', '0.0.0.0')).toBe('127.0.0.1');
    expect(readHost('192.168.7.5', '127.0.0.1')).toBe('192.168.7.5');
    expect(() => readHost('::1', '127.0.0.1')).toThrow(StartError);
    expect(() => readHost('call.example', '127.0.0.1')).toThrow(/HOST must be an IPv4 address/);
  });
});

describe('claiming a port', () => {
  it('finds a free one for 0', async () => {
    expect(await claimPort('PORT', 'TCP', '127.0.0.1', 0)).toBeGreaterThan(0);
    expect(await claimPort('TURN_PORT', 'UDP', '127.0.0.1', 0)).toBeGreaterThan(0);
  });

  it('says in a sentence that a TCP port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(claimPort('PORT', 'TCP', '127.0.0.1', port)).rejects.toThrow(
      `TCP port ${port} on 127.0.0.1 is already taken: stop what uses it or set PORT to another port.`,
    );
    server.close();
  });

  it('says in a sentence that a UDP port is taken', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await expect(claimPort('TURN_PORT', 'UDP', '127.0.0.1', port)).rejects.toThrow(
      /set TURN_PORT to another/,
    );
    socket.close();
  });
});
