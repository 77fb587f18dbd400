/**
 * Owns how the engine names the client of a request: its 5-tuple, and the transport that node-turn asks for one. Must not
 * know requests.
 */
import Address from 'node-turn/lib/address.js';
import Transport, { type AnswerSocket } from 'node-turn/lib/transport.js';
import type { DatagramClient, Flow, StreamClient } from '../data-path/data-path.ts';

/** A TCP or TLS connection as the engine sees it. */
export interface ControlStream extends StreamClient {
  readonly transport: 'tcp' | 'tls';
  readonly localIp: string;
  readonly localPort: number;
  /** The connection is gone: nothing may be made for it any more. */
  readonly isClosed: boolean;
  /** An allocation was made over it: its media goes to that flow until `detach`. */
  attach(flow: Flow): void;
  /** The allocation ended, so nothing holds the connection open any longer. */
  detach(): void;
}

export type ControlClient = DatagramClient | ControlStream;

/** node-turn takes any number here, and writes down only that of UDP. */
const UDP = 0x11;

/** Client's and relay's address, port and the transport between them (RFC 8656 s3), as one string. */
export function fiveTupleOf(client: ControlClient): string {
  const near =
    client.kind === 'datagram'
      ? `udp:${client.listener.ip}:${client.listener.port}`
      : `${client.transport}:${client.localIp}:${client.localPort}`;
  return `${client.ip}:${client.port}>${near}`;
}

/** node-turn's 5-tuple names UDP or nothing; this one tells transports apart and is written once. */
export class ClientTransport extends Transport {
  readonly #fiveTuple: string;

  constructor(client: ControlClient, fiveTuple: string, answers: AnswerSocket) {
    const [localIp, localPort] =
      client.kind === 'datagram'
        ? [client.listener.ip, client.listener.port]
        : [client.localIp, client.localPort];
    super(UDP, new Address(client.ip, client.port), new Address(localIp, localPort), answers);
    this.#fiveTuple = fiveTuple;
  }

  override get5Tuple(): string {
    return this.#fiveTuple;
  }
}
