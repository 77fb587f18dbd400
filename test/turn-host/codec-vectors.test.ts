/// <reference path="../../turn-host/engine/node-turn.d.ts" />
/** The vectors of RFC 5769 against what the relay makes of node-turn's codec. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { ipWords } from '../../turn-host/data-path/ip-words.ts';
import { addXorAddress } from '../../turn-host/engine/answers.ts';
import { ClientTransport, type ControlStream } from '../../turn-host/engine/control-client.ts';
import { IncomingMessage, MessageClass } from '../../turn-host/engine/stun-message.ts';
import { readXorAddress, xorAddress6 } from './client.ts';
import { ABBREVIATED_IPV6 } from './odd-requests.ts';

const requireOfRelay = createRequire(new URL('../../turn-host/package.json', import.meta.url));
const Server = requireOfRelay('node-turn');
const Message = requireOfRelay('node-turn/lib/message.js');

const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';
const server = new Server({
  listeningIps: [],
  realm: 'example.org',
  authMech: 'long-term',
  debugLevel: 'OFF',
});
const client: ControlStream = {
  kind: 'stream',
  transport: 'tcp',
  ip: '192.0.2.1',
  port: 32853,
  localIp: '192.0.2.9',
  localPort: 3478,
  isClosed: false,
  write: () => undefined,
  attach: () => undefined,
  detach: () => undefined,
};
const transport = new ClientTransport(client, 'five-tuple', { send: () => undefined });
const bytes = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex');
const read = (hex: string): IncomingMessage => {
  const message = new IncomingMessage(server, transport, client);
  expect(message.read(bytes(hex))).toBe(true);
  return message;
};

/** RFC 5769 s2.1, with short-term credentials, SOFTWARE, attributes of ICE and a fingerprint. */
const REQUEST = `000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff
  80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
  80280004e57a3bcf`;
/** s2.4, with long-term credentials. */
const LONG_TERM = `000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
  0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014
  f67024656dd64a3e02b8e0712e85c9a28ca89666`;

it('reads the request of s2.1: user, fingerprint, and what is not understood', () => {
  const message = read(REQUEST);
  expect([message.class, message.transactionID]).toEqual([MessageClass.request, 'b7e7a701bc34d686fa87dfae']);
  expect(message.getAttribute('username')).toBe('evtj:h6vY');
  expect(message.getAttribute('software')).toBe('STUN test client');
  expect(message.getAttribute('fingerprint')).not.toBe(false);
  expect(message.unknownRequired).toEqual([0x0024]);
  expect(message.signed).toBe(true);
  const spoilt = bytes(REQUEST);
  spoilt[40] = (spoilt[40] ?? 0) ^ 1;
  const wrong = new IncomingMessage(server, transport, client);
  expect([wrong.read(spoilt), wrong.getAttribute('fingerprint')]).toEqual([true, false]);
});

it('verifies the long-term integrity of s2.4, and of nothing else', () => {
  const user = 'マトリックス';
  expect(createHash('md5').update(`${user}:example.org:TheMatrIX`).digest().length).toBe(16);
  const message = read(LONG_TERM);
  expect(message.getAttribute('username')).toBe(user);
  expect(message.getAttribute('nonce')).toBe('f//499k954d6OL34oL9FSTvy64sA');
  expect(message.getAttribute('realm')).toBe('example.org');
  expect(message.verify(user, 'example.org', 'TheMatrIX')).toBe(true);
  expect(message.verify(user, 'example.org', PASSWORD)).toBe(false);
  expect(message.verify(user, 'example.com', 'TheMatrIX')).toBe(false);
});

it.each([
  ['s2.2, IPv4', '192.0.2.1', '002000080001a147e112a643'],
  ['s2.3, IPv6', '2001:db8:1234:5678:11:2233:4455:6677', '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9'],
] as const)('writes the mapped address of %s', (_name, ip, hex) => {
  const reply = new Message(server, transport);
  reply.transactionID = 'b7e7a701bc34d686fa87dfae';
  reply.class = MessageClass.success;
  reply.method = 1;
  addXorAddress(reply, 'xor-mapped-address', ipWords(ip), 32853);
  expect(reply.toBuffer().subarray(20).toString('hex')).toBe(hex);
});

it.each(ABBREVIATED_IPV6)(
  'writes and reads the address %s, which the system abbreviates so',
  (ip, groups) => {
    const id = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
    const reply = new Message(server, transport);
    Object.assign(reply, { transactionID: id.toString('hex'), class: MessageClass.success, method: 1 });
    addXorAddress(reply, 'xor-mapped-address', ipWords(ip), 5000);
    expect(readXorAddress(reply.toBuffer().subarray(24), id)).toEqual({ ip: groups, port: 5000 });

    const octets = Buffer.from(
      groups
        .split(':')
        .map((group) => group.padStart(4, '0'))
        .join(''),
      'hex',
    );
    const value = xorAddress6(octets, 5000, id);
    const header = Buffer.from('000800182112a442', 'hex');
    const request = Buffer.concat([header, id, Buffer.from('00120014', 'hex'), value]);
    expect(read(request.toString('hex')).getAttribute('xor-peer-address')).toMatchObject({
      address: groups,
      port: 5000,
    });
  },
);
