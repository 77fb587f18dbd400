/** Requests that are asked of our relay and of bare node-turn alike, so that both tests ask the same. */
import { randomBytes } from 'node:crypto';
import { encode, type TurnClient, Type, udpTransport } from './client.ts';

/** Addresses with two groups and more before `::`, and all their groups. */
export const ABBREVIATED_IPV6 = [
  ['2001:db8::5', '2001:db8:0:0:0:0:0:5'],
  ['2001:db8:1::', '2001:db8:1:0:0:0:0:0'],
] as const;

/** A Binding whose last attribute, SOFTWARE, says that it is longer than the message. */
export function requestWithTail(): Buffer {
  const request = encode(Type.binding, randomBytes(12), [[0x8022, Buffer.from('soft')]]);
  request.writeUInt16BE(64, request.length - 6);
  return request;
}

/** A signed Allocate that lacks REQUESTED-TRANSPORT where integrity covers it, and has it behind (RFC 8489 s14.5). */
export function requestWithTransportAfterIntegrity(client: TurnClient): Buffer {
  const [type, value] = udpTransport;
  const signed = client.signed(Type.allocate, []);
  const head = Buffer.from([type >> 8, type & 0xff, 0, value.length]);
  const request = Buffer.concat([signed, head, value]);
  request.writeUInt16BE(request.length - 20, 2);
  return request;
}
