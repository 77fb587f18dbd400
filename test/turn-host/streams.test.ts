/** TCP and TLS: messages split, coalesced, lying and slow; certificates renewed; connections that end. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type ListenOptions, Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { lanCertificate } from '../../scripts/lib/authority.ts';
import { Certificate } from '../../turn-host/listen/certificate.ts';
import { StreamFramer } from '../../turn-host/listen/framer.ts';
import { ConnectionGate } from '../../turn-host/listen/stream-listener.ts';
import { encode, readXorAddress, streamWire, Type, udpTransport } from './client.ts';
import { channelData } from './data-path-contract.ts';
import { MIN_PORT } from './relay-config.ts';
import { useRelay } from './stage.ts';

const stage = useRelay();
const folder = mkdtempSync(join(tmpdir(), 'parley-tls-'));
const certFile = join(folder, 'relay.crt');
const keyFile = join(folder, 'relay.key');
const TLS = { TURN_TLS_PORT: '0', TURN_TLS_CERT: certFile, TURN_TLS_KEY: keyFile };

async function issue(name: string): Promise<void> {
  const issued = await lanCertificate(join(folder, name), []);
  writeFileSync(`${certFile}.${name}`, issued.certificate);
  writeFileSync(`${keyFile}.${name}`, issued.key);
}

/** By a reset too, which is the end of a connection with something unread: `events.once` would reject for its error. */
function closeOf(stream: Socket): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()));
}

function install(name: string): void {
  copyFileSync(`${keyFile}.${name}`, keyFile);
  copyFileSync(`${certFile}.${name}`, certFile);
}

beforeAll(async () => {
  await issue('first');
  await issue('second');
  install('first');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the framer', () => {
  const binding = encode(Type.binding, randomBytes(12), []);
  const frames = [
    binding,
    channelData(0x4000, Buffer.from('abc')),
    channelData(0x4001, Buffer.alloc(0)),
    binding,
  ];
  const stream = Buffer.concat(
    frames.map((frame) => Buffer.concat([frame, Buffer.alloc(-frame.length & 3)])),
  );

  it.each([1, 2, 3, 4, 5, 7, 20, 21, 1000])('finds the same messages in pieces of %i octets', (size) => {
    const found: Buffer[] = [];
    const framer = new StreamFramer((frame) => found.push(frame));
    for (let offset = 0; offset < stream.length; offset += size) {
      expect(framer.push(stream.subarray(offset, offset + size), 2048)).toBe(true);
    }
    expect(Buffer.concat(found)).toEqual(stream);
    expect(found.length).toBe(4);
    expect(framer.isWithinFrame).toBe(false);
  });

  it.each([
    ['neither STUN nor ChannelData', '80000000'],
    ['a STUN length that is no multiple of four', '00010003'],
    ['longer than allowed', '40000ffd'],
  ])('gives up on what is %s, in one piece or four', (_name, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(new StreamFramer(() => undefined).push(bytes, 2048)).toBe(false);
    const framer = new StreamFramer(() => undefined);
    const taken = [...bytes].map((octet) => framer.push(Buffer.from([octet]), 2048));
    expect(taken).toEqual([true, true, true, false]);
  });
});

describe.each(['tcp', 'tls'] as const)('over %s', (transport) => {
  const port = () => (transport === 'tls' ? (stage.relay.tlsPort ?? 0) : stage.relay.port);

  it('relays between two members, by channel and by indication, payloads of every alignment', async () => {
    await stage.start({ ...TLS, TURN_PEER_POLICY: 'room' });
    const one = await stage.member('red.one', await streamWire(port(), transport));
    const two = await stage.member('red.two');
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    expect((await one.bindChannel(0x4000, at2)).errorCode).toBe(0);
    expect((await two.permit(at1)).errorCode).toBe(0);
    for (const bytes of [0, 1, 2, 3, 4, 1101, 9001]) {
      const data = randomBytes(bytes);
      one.sendOnChannel(0x4000, data);
      expect(await two.nextData()).toEqual({ peer: at1, data });
      two.send(at1, data);
      expect(await one.nextOnChannel(0x4000)).toEqual(data);
    }
  });

  it('has another port drawn where the first is taken at a later address', async () => {
    const taken = createServer().listen(MIN_PORT, '::1');
    await once(taken, 'listening');
    const { listen } = Server.prototype;
    // What the system draws is chance: here it draws that one first.
    const listening = vi.spyOn(Server.prototype, 'listen').mockImplementationOnce(function (
      this: Server,
      options: ListenOptions,
      onListening?: () => void,
    ) {
      return listen.call(this, { ...options, port: MIN_PORT }, onListening);
    });
    onTestFinished(() => {
      listening.mockRestore();
      taken.close();
    });
    // The first draw by a stream listener is this transport's.
    const first = { TURN_TCP: transport === 'tcp' ? '1' : '0' };
    await stage.start({ ...TLS, ...first, TURN_LISTEN: '127.0.0.1,::1' });
    expect(port()).not.toBe(MIN_PORT);
    for (const host of ['127.0.0.1', '::1']) {
      await (await stage.member('red.one', await streamWire(port(), transport, host))).allocate();
    }
  });

  it('takes a request in pieces, and several in one', async () => {
    await stage.start(TLS);
    const wire = await streamWire(port(), transport);
    const one = await stage.member('red.one', wire);
    const ids = [randomBytes(12), randomBytes(12), randomBytes(12)];
    const requests = ids.map((id) => encode(Type.binding, id, []));
    wire.stream.write(Buffer.concat(requests));
    for (const id of ids) {
      const answer = await one.receive((packet) => packet.subarray(8, 20).equals(id));
      expect(readXorAddress(answer?.subarray(24) ?? Buffer.alloc(8)).port).toBe(wire.localPort);
    }
    const id = randomBytes(12);
    for (const octet of encode(Type.binding, id, [])) {
      wire.stream.write(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await one.receive((packet) => packet.subarray(8, 20).equals(id))).not.toBeNull();
  });

  it.each([
    ['what is no message', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a request that says it is large', Buffer.from('0003fffc2112a442', 'hex')],
    ['ChannelData that says it is large, before there is an allocation', Buffer.from('4000ffff', 'hex')],
  ])('closes a connection that begins with %s', async (_name, bytes) => {
    await stage.start(TLS);
    const { stream } = await streamWire(port(), transport);
    const closed = closeOf(stream);
    stream.write(bytes);
    await closed;
    await expect.poll(() => stage.relay.counted('connectionsClosed')).toBe(1);
  });

  it('keeps no allocation for a connection that was closed while it was being made', async () => {
    await stage.start(TLS);
    for (let round = 0; round < 20; round += 1) {
      const wire = await streamWire(port(), transport);
      const one = await stage.member('red.one', wire);
      await one.challenge();
      wire.stream.end(one.signed(Type.allocate, [udpTransport]));
      wire.stream.destroySoon();
    }
    await expect.poll(() => stage.relay.counted('connectionsClosed')).toBe(20);
    await expect.poll(() => stage.relay.allocations).toBe(0);
    expect(stage.relay.counted('allocationsMade')).toBe(stage.relay.counted('allocationsReleased'));
  });

  it('closes a connection that is slow, and none that has an allocation', async () => {
    await stage.start({ ...TLS, TURN_IDLE_SECONDS: '5' });
    const one = await stage.member('red.one', await streamWire(port(), transport));
    await one.allocate();
    const { stream } = await streamWire(port(), transport);
    const closed = closeOf(stream);
    const request = encode(Type.binding, randomBytes(12), []);
    let written = 0;
    const drip = setInterval(() => stream.write(request.subarray(written, ++written)), 500);
    await closed;
    clearInterval(drip);
    expect((await one.request(Type.refresh, [])).errorCode).toBe(0);
    expect(stage.relay.counted('connectionsClosed')).toBe(1);
  });

  it('takes requests that come at once a few a turn, in order, and leaves others theirs', async () => {
    await stage.start(TLS);
    const { relay } = stage;
    const wire = await streamWire(port(), transport);
    const one = await stage.member('red.one', wire);
    const two = await stage.member('red.two', await streamWire(port(), transport));
    await two.challenge();
    const ids = Array.from({ length: 2000 }, () => randomBytes(12));
    const before = relay.counted('requests');
    wire.stream.write(Buffer.concat(ids.map((id) => encode(Type.binding, id, []))));
    const inTurns: number[] = [];
    let isServed = false;
    while (relay.counted('requests') - before < ids.length && !wire.stream.destroyed) {
      const sofar = relay.counted('requests');
      if (sofar > before && !isServed) {
        isServed = true;
        expect((await two.challenge()).errorCode).toBe(401);
        expect(relay.counted('requests') - before).toBeLessThan(ids.length);
      }
      await new Promise((resolve) => setImmediate(resolve));
      inTurns.push(relay.counted('requests') - sofar);
    }
    expect(Math.max(...inTurns)).toBeLessThan(200);
    for (const id of ids) {
      const answer = await one.receive(() => true);
      expect(answer?.subarray(8, 20).equals(id)).toBe(true);
    }
  });

  it('closes the connection of whoever reads no answers', async () => {
    await stage.start(TLS);
    const { stream } = await streamWire(port(), transport);
    stream.pause();
    const request = encode(Type.allocate, randomBytes(12), [udpTransport]);
    const many = Buffer.concat(Array.from({ length: 1000 }, () => request));
    const closed = closeOf(stream);
    // To write to a connection that has ended fails at once: without a pause that would leave the event loop no turn.
    while (!stream.destroyed && stage.relay.counted('connectionsClosed') === 0) {
      const written = new Promise<void>((resolve) => stream.write(many, () => setImmediate(resolve)));
      await Promise.race([written, closed]);
    }
    await expect.poll(() => stage.relay.counted('connectionsClosed')).toBe(1);
  });

  it('ends the allocation of whoever has said all and reads nothing', async () => {
    await stage.start({ ...TLS, TURN_PEER_POLICY: 'room' });
    const wire = await streamWire(port(), transport);
    const one = await stage.member('red.one', wire);
    const two = await stage.member('red.two');
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    await one.permit(at2);
    await two.permit(at1);
    wire.stream.pause();
    // More than the system takes for a reader that does not read.
    while (stage.relay.counted('droppedUnsent') === 0) {
      two.send(at1, Buffer.alloc(9000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    wire.stream.end();
    await expect.poll(() => stage.relay.allocations).toBe(1);
  });

  it('ends the allocation with its connection', async () => {
    await stage.start(TLS);
    const wire = await streamWire(port(), transport);
    const one = await stage.member('red.one', wire);
    await one.allocate();
    expect(stage.relay.allocations).toBe(1);
    wire.close();
    await expect.poll(() => stage.relay.allocations).toBe(0);
  });
});

it('takes only so many connections of one source, and again when they are gone', async () => {
  const { port } = await stage.start({ TURN_MAX_CONNECTIONS_PER_SOURCE: '3' });
  const open = async () => {
    const stream = connect(port, '127.0.0.1');
    stream.on('error', () => undefined);
    await once(stream, 'connect');
    return stream;
  };
  const held = [await open(), await open(), await open()];
  const refused = await open();
  await closeOf(refused);
  expect(stage.relay.counted('connectionsRefused')).toBe(1);
  for (const stream of held) {
    stream.destroy();
  }
  await expect.poll(() => stage.relay.counted('connectionsClosed')).toBe(3);
  const wire = await streamWire(port);
  await (await stage.member('red.one', wire)).allocate();
});

it('takes only so many new connections of one source in a time, whatever became of those before', async () => {
  const { port } = await stage.start({ TURN_MAX_NEW_PER_SECOND: '1' });
  for (let count = 0; count < 12; count += 1) {
    const stream = connect(port, '127.0.0.1');
    stream.on('error', () => undefined);
    await once(stream, 'connect');
    stream.destroy();
  }
  const { relay } = stage;
  await expect.poll(() => relay.counted('connectionsMade') + relay.counted('connectionsRefused')).toBe(12);
  expect(relay.counted('connectionsMade')).toBeGreaterThanOrEqual(5);
  expect(relay.counted('connectionsMade')).toBeLessThan(12);
});

it('counts the addresses of one IPv6 network as one source', () => {
  const gate = new ConnectionGate(10, 2, null);
  expect(['2a00::1', '2a00::ffff:2', '2a00:0:0:0:1::3', '2a00:0:0:1::4'].map((ip) => gate.enter(ip))).toEqual(
    [true, true, false, true],
  );
  gate.leave('2a00::1');
  expect(gate.enter('2a00::5')).toBe(true);
  expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((ip) => gate.enter(ip))).toEqual([true, true, true]);
});

describe('the certificate', () => {
  const serial = async (): Promise<string> => {
    const stream = connectTls({
      port: stage.relay.tlsPort ?? 0,
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await once(stream, 'secureConnect');
    const { serialNumber } = stream.getPeerCertificate();
    stream.destroy();
    return serialNumber;
  };

  it('is renewed by a change of its files, with calls going on', async () => {
    install('first');
    await stage.start({ ...TLS, TURN_PEER_POLICY: 'room' });
    const wire = await streamWire(stage.relay.tlsPort ?? 0, 'tls');
    const one = await stage.member('red.one', wire);
    const two = await stage.member('red.two');
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    await one.permit(at2);
    await two.permit(at1);
    const before = await serial();
    const serialAfterChange = () => {
      // Again and again: the relay may first look after the first time.
      install('second');
      return serial();
    };
    await expect.poll(serialAfterChange, { interval: 200 }).not.toBe(before);
    expect(stage.lines).toContain('certificate renewed');
    one.send(at2, Buffer.from('still here'));
    expect((await two.nextData())?.data.toString()).toBe('still here');
    expect((wire.stream as TLSSocket).getPeerCertificate().serialNumber).toBe(before);
  });

  it('is still looked at when another relay of the process has looked away', async () => {
    install('first');
    const lines: string[] = [];
    const [one, two] = [[], lines].map(
      (said) => new Certificate(certFile, keyFile, (line) => said.push(line)),
    );
    one?.close();
    const linesAfterChange = () => {
      install('second');
      return lines;
    };
    await expect.poll(linesAfterChange, { interval: 200 }).toContain('certificate renewed');
    two?.close();
  });

  it('stays when the new one cannot be read, and is renewed when asked to', async () => {
    install('first');
    await stage.start(TLS);
    const before = await serial();
    writeFileSync(certFile, 'no certificate');
    stage.relay.reload();
    expect([await serial(), stage.lines.some((line) => line.startsWith('certificate not renewed'))]).toEqual([
      before,
      true,
    ]);
    install('second');
    stage.relay.reload();
    expect(await serial()).not.toBe(before);
  });
});

it('answers what is unauthenticated over a stream without a limit, as its address is no forgery', async () => {
  await stage.start({ TURN_MAX_UNAUTHENTICATED_PER_SECOND: '1' });
  const one = await stage.member('red.one', await streamWire(stage.relay.port));
  for (let index = 0; index < 20; index += 1) {
    expect((await one.exchange(encode(Type.allocate, randomBytes(12), [udpTransport]))).errorCode).toBe(401);
  }
  await one.allocate();
});
