/** Owns reading port and host settings and finding out whether a port is free. Knows nothing of what will use them. */
import { createSocket } from 'node:dgram';
import { createServer, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** A setting or a port that keeps Parley from starting; the message is the whole sentence for the person. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** @throws StartError unless the text is a whole number from 1 to 65535. */
export function readPort(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new StartError(`${name} must be a whole number from 1 to 65535, not "${text}".`);
  }
  return port;
}

/** @throws StartError unless the text is an IPv4 address, the relay's one family, or `localhost` for 127.0.0.1. */
export function readHost(text: string | undefined, otherwise: string): string {
  if (text === undefined || text === '') return otherwise;
  if (text === 'localhost') return '127.0.0.1';
  if (!isIPv4(text)) throw new StartError(`HOST must be an IPv4 address or localhost, not "${text}".`);
  return text;
}

function tcpPort(host: string, port: number): Promise<number> {
  return new Promise((settle, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => settle(bound));
    });
  });
}

function udpPort(host: string, port: number): Promise<number> {
  return new Promise((settle, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => settle(bound));
    });
  });
}

/** What the person is told when the system refuses a port. `name` is the setting the sentence points to. */
export function cannotUse(
  error: unknown,
  name: string,
  protocol: 'TCP' | 'UDP',
  host: string,
  port: number,
): StartError {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  const place = `${protocol} port ${port} on ${host}`;
  if (code === 'EADDRINUSE') {
    return new StartError(`${place} is already taken: stop what uses it or set ${name} to another port.`);
  }
  if (code === 'EACCES') {
    return new StartError(`${place} may not be used by this account: set ${name} to a port above 1023.`);
  }
  if (code === 'EADDRNOTAVAIL') return new StartError(`${host} is not an address of this machine.`);
  return new StartError(`${place} cannot be used (${String(code || error)}).`);
}

/** Resolves to the port itself, or for 0 to one that is free now. `name` is the setting the sentence points to.
 * @throws StartError when it is taken, forbidden, or the host is not of this machine. */
export async function claimPort(
  name: string,
  protocol: 'TCP' | 'UDP',
  host: string,
  port: number,
): Promise<number> {
  try {
    return await (protocol === 'TCP' ? tcpPort(host, port) : udpPort(host, port));
  } catch (error) {
    throw cannotUse(error, name, protocol, host, port);
  }
}

/** IPv4 addresses by which other machines of the local network reach this one, private ranges first. */
export function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => entry.family === 'IPv4' && !entry.internal && !entry.address.startsWith('169.254.'))
    .map((entry) => entry.address);
  const isPrivate = (address: string) => /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
  return [...all.filter(isPrivate), ...all.filter((address) => !isPrivate(address))];
}
