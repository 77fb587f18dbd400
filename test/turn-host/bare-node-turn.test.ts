/**
 * What node-turn 0.0.6 does as shipped, row by row of docs/decisions/0001. The tests that are named there show each point
 * corrected, with the same client and the same checks; here is shown that those checks fail on the bare engine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimPort } from '../../scripts/lib/ports.ts';
import {
  Attr,
  encode,
  isSigned,
  openClient,
  readXorAddress,
  type TurnClient,
  Type,
  udpTransport,
  uint32,
} from './client.ts';
import { ABBREVIATED_IPV6, requestWithTail, requestWithTransportAfterIntegrity } from './odd-requests.ts';

const PROGRAM = new URL('./bare-node-turn.ts', import.meta.url).pathname;
/** How long no answer counts as none; what does answer does so within a millisecond or two. */
const SILENCE_MS = 400;

let engine: ChildProcess;
let port: number;
let clients: TurnClient[];

beforeEach(async () => {
  clients = [];
  // Between being claimed and being bound a port may become another program's: then the next one is tried.
  do {
    port = await claimPort('TURN_PORT', 'UDP', '127.0.0.1', 0);
    engine = spawn(process.execPath, [PROGRAM, String(port)], { stdio: ['pipe', 'pipe', 'pipe'] });
  } while (!(await listens(engine)));
});

function listens(program: ChildProcess): Promise<boolean> {
  return Promise.race([
    once(program.stdout ?? program, 'data').then(() => true),
    once(program, 'exit').then(() => false),
  ]);
}

afterEach(async () => {
  for (const client of clients) {
    client.close();
  }
  if (engine.exitCode === null) {
    engine.kill('SIGKILL');
    await once(engine, 'exit');
  }
});

async function client(username = 'peer', password = 'secret'): Promise<TurnClient> {
  const made = await openClient(port, username, password);
  clients.push(made);
  return made;
}

/** Gives the program an order, and its answer. */
async function order(words: string): Promise<string> {
  const answer = once(engine.stdout ?? engine, 'data');
  engine.stdin?.write(`${words}\n`);
  return String((await answer)[0]).trim();
}

it('accepts the user `constructor`, who is in no list', async () => {
  const intruder = await client('constructor', String(Object));
  await expect(intruder.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
});

it('accepts the nonce `constructor`, and one given to another 5-tuple', async () => {
  for (const nonce of ['constructor', null]) {
    const giver = await client();
    await giver.challenge();
    const one = await client();
    one.nonce = nonce === null ? giver.nonce : Buffer.from(nonce);
    expect((await one.request(Type.allocate, [udpTransport])).errorCode).toBe(0);
  }
});

it.each([['a lifetime', [[Attr.lifetime, uint32(700)]]] as const, ['no lifetime', []] as const])(
  'answers Refresh that names %s with lifetime 0, and ends the allocation',
  async (_name, attributes) => {
    const one = await client();
    await one.allocate();
    const answer = await one.request(Type.refresh, attributes);
    expect([answer.errorCode, answer.attributes.get(Attr.lifetime)?.readUInt32BE(0)]).toEqual([0, 0]);
    await expect.poll(async () => (await one.request(Type.refresh, [])).errorCode).toBe(437);
  },
);

it('does not sign its answer to ChannelBind', async () => {
  const one = await client();
  const two = await client();
  await one.allocate();
  const bound = await one.bindChannel(0x4001, await two.allocate());
  expect([bound.errorCode, isSigned(bound, one.key)]).toEqual([0, false]);
});

it('does not read ChannelData from its clients', async () => {
  const one = await client();
  const two = await client();
  const at1 = await one.allocate();
  await one.bindChannel(0x4001, await two.allocate());
  await two.permit(at1);
  one.sendOnChannel(0x4001, Buffer.from('over'));
  expect(await two.receive(() => true, SILENCE_MS)).toBeNull();
});

it('does not sign errors of authenticated requests', async () => {
  const one = await client();
  await one.challenge();
  const answer = await one.request(Type.allocate, [[Attr.transport, Buffer.from([6, 0, 0, 0])]]);
  expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([442, false]);
});

it('does not answer a request with an attribute unknown to it, optional or required', async () => {
  const one = await client();
  await one.challenge();
  for (const type of [0xc057, 0x7f01]) {
    one.sendRaw(one.signed(Type.allocate, [udpTransport, [type, uint32(7)]]));
    expect(await one.receive(() => true, SILENCE_MS)).toBeNull();
  }
});

it.each([
  ['EVEN-PORT', [Attr.evenPort, Buffer.from([0x80])]],
  ['RESERVATION-TOKEN', [Attr.reservationToken, Buffer.alloc(8)]],
  ['REQUESTED-ADDRESS-FAMILY', [Attr.addressFamily, Buffer.from([1, 0, 0, 0])]],
] as const)('does not answer an Allocate with %s', async (_name, attribute) => {
  const one = await client();
  await one.challenge();
  one.sendRaw(one.signed(Type.allocate, [udpTransport, attribute]));
  expect(await one.receive(() => true, SILENCE_MS)).toBeNull();
});

it('passes over the LIFETIME of an Allocate', async () => {
  const one = await client();
  await one.challenge();
  const answer = await one.request(Type.allocate, [udpTransport, [Attr.lifetime, uint32(1234)]]);
  expect([answer.errorCode, answer.attributes.get(Attr.lifetime)?.readUInt32BE(0)]).toEqual([0, 600]);
});

it('takes DONT-FRAGMENT and does nothing about it', async () => {
  const one = await client();
  await one.challenge();
  const answer = await one.request(Type.allocate, [udpTransport, [Attr.dontFragment, Buffer.alloc(0)]]);
  expect(answer.errorCode).toBe(0);
});

it('answers a request with an attribute that runs past its end', async () => {
  const one = await client();
  expect((await one.exchange(requestWithTail())).type).toBe(0x0101);
});

it('heeds an attribute that follows MESSAGE-INTEGRITY', async () => {
  const one = await client();
  await one.challenge();
  expect((await one.exchange(requestWithTransportAfterIntegrity(one))).errorCode).toBe(0);
});

it('ends the call of whoever has no credential any more: Refresh is 401', async () => {
  const one = await client();
  await one.allocate();
  await order('forget');
  expect((await one.request(Type.refresh, [[Attr.lifetime, uint32(700)]])).errorCode).toBe(401);
});

it('keeps a channel for ever', async () => {
  const peer = createSocket('udp4').bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const at = { ip: '127.0.0.1', port: peer.address().port };
  const one = await client();
  const relayed = await one.allocate();
  await one.bindChannel(0x4001, at);
  await order('later 600001');
  await one.permit(at);
  peer.send('late', relayed.port, relayed.ip);
  expect(String(await one.nextOnChannel(0x4001))).toBe('late');
  peer.close();
});

it('challenges with more than 2.3 times what was asked', async () => {
  const one = await client();
  const request = encode(Type.allocate, randomBytes(12), [udpTransport]);
  expect((await one.exchange(request)).raw.length / request.length).toBeGreaterThan(2.3);
});

it('opens a second port for a retransmitted Allocate', async () => {
  const one = await client();
  await one.challenge();
  const packet = one.signed(Type.allocate, [udpTransport]);
  const answers = [await one.exchange(packet), await one.exchange(packet)];
  const ports = answers.map(({ attributes }) => {
    const relayed = attributes.get(Attr.relayed);
    return relayed && readXorAddress(relayed).port;
  });
  expect(new Set(ports).size).toBe(2);
});

it('keeps the port of a released allocation', async () => {
  const one = await client();
  const relayed = await one.allocate();
  await one.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
  const again = createSocket('udp4').bind({ port: relayed.port, address: '127.0.0.1', exclusive: true });
  await expect(once(again, 'listening')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  again.close();
});

it('keeps a timer for each nonce, for whoever asks', async () => {
  const one = await client();
  for (let count = 0; count < 5; count += 1) {
    await one.challenge();
  }
  const left: string[] = JSON.parse(await order('stop'));
  expect(left.filter((kind) => kind === 'Timeout').length).toBe(5);
});

it('leaves sockets and timers once stopped', async () => {
  const one = await client();
  await one.allocate();
  const left: unknown = JSON.parse(await order('stop'));
  expect(left).toEqual(expect.arrayContaining(['UDPWrap', 'Timeout']));
});

it.each(['127.0.0.2', '169.254.169.254', '10.0.0.1', '255.255.255.255'])(
  'permits the peer %s',
  async (ip) => {
    const one = await client();
    await one.allocate();
    expect((await one.permit({ ip, port: 5000 })).errorCode).toBe(0);
  },
);

it('lets one user have any number of allocations', async () => {
  const group = await Promise.all(Array.from({ length: 18 }, () => client()));
  const made = await Promise.all(group.map((each) => each.allocate()));
  expect(new Set(made.map((relayed) => relayed.port)).size).toBe(18);
});

it('answers a response', async () => {
  const one = await client();
  one.sendRaw(encode(0x0104, randomBytes(12), []));
  expect(await one.receive(() => true)).not.toBeNull();
});

it('is ended by an empty datagram on a relayed port', async () => {
  const one = await client();
  const relayed = await one.allocate();
  const peer = createSocket('udp4').bind(0, '127.0.0.1');
  await once(peer, 'listening');
  await one.permit({ ip: '127.0.0.1', port: peer.address().port });
  const exit = once(engine, 'exit');
  peer.send(Buffer.alloc(0), relayed.port, relayed.ip);
  expect(await exit).not.toEqual([0, null]);
  peer.close();
});

/** No process on loopback can show these: it has one IPv6 address, and node-turn no listener but UDP's. */
describe('the modules', () => {
  const requireOfRelay = createRequire(new URL('../../turn-host/package.json', import.meta.url));
  const Address = requireOfRelay('node-turn/lib/address.js');
  const Attribute = requireOfRelay('node-turn/lib/attribute.js');
  const Transport = requireOfRelay('node-turn/lib/transport.js');
  const id = randomBytes(12);

  it.each(ABBREVIATED_IPV6)('write the address %s as another', (ip, groups) => {
    const message = { magicCookie: 0x2112a442, transactionID: id.toString('hex') };
    const attribute = new Attribute(message, 'xor-mapped-address', new Address(ip, 5000));
    expect(readXorAddress(attribute.toBuffer().subarray(4), id).ip).not.toBe(groups);
  });

  it('name no transport in a 5-tuple but UDP', () => {
    const fiveTuple = (protocol: number) =>
      new Transport(protocol, new Address('192.0.2.1', 5000), new Address('192.0.2.9', 3478), {}).get5Tuple();
    const [TCP, SCTP] = [6, 132];
    expect(fiveTuple(TCP)).toBe(fiveTuple(SCTP));
  });
});
