/**
 * What is particular to the batched data path: what it leaves behind, what it does when nothing happens, and what stands
 * in for it. What every data path does is in data-path-contract.ts.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { createBatchedDataPath } from '../../turn-host/data-path/batched.ts';
import { createDataPath } from '../../turn-host/data-path/choose.ts';
import type { Client, DataPath, DataPathOptions } from '../../turn-host/data-path/data-path.ts';
import { Directory } from '../../turn-host/data-path/directory.ts';
import type { Libc } from '../../turn-host/data-path/linux/libc.ts';
import { proveBatching } from '../../turn-host/data-path/linux/proof.ts';
import { Counter, createCounters } from '../../turn-host/metrics/counters.ts';
import { libcFor } from '../fixtures/passed-over.ts';
import { channelData } from './data-path-contract.ts';
import { descriptors } from './descriptors.ts';

const loaded = await libcFor('the batched data path by itself');
const counters = createCounters();
const options: DataPathOptions = {
  directory: new Directory([{ ip: '127.0.0.1', externalIp: '127.0.0.1', family: 4 }]),
  sameRoomOnly: false,
  ownPortsOpen: true,
  limits: { maxPermissions: 64, maxChannels: 64 },
  flowBytesPerSecond: null,
  totalBytesPerSecond: null,
  counters,
  now: Date.now,
  onControl: () => undefined,
};
const stream: Client = { kind: 'stream', ip: '127.0.0.1', port: 9, write: () => undefined };

/** Not among the ports that the system gives to whoever asks for any. */
const FIRST_PORT = 21_000;

/** Sends a datagram to the port every half a millisecond, in a thread of its own, until it is ended. */
const STEADY_SENDER = `
  const { createSocket } = require('node:dgram');
  const { workerData: { port, packet } } = require('node:worker_threads');
  const socket = createSocket('udp4');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const send = () => socket.send(packet, port, '127.0.0.1', () => {
    Atomics.wait(pause, 0, 0, 0.5);
    send();
  });
  send();
`;

describe('the choice of a data path', () => {
  const broken = () => Promise.reject(new Error('no such library\nand more'));

  it('falls back to the portable one with one line', async () => {
    const lines: string[] = [];
    const path = await createDataPath('auto', options, (line) => lines.push(line), broken);
    expect(path.name).toBe('portable');
    expect(lines).toEqual(['data path: portable, since the batched one does not work here: no such library']);
    await path.close();
  });

  it('falls back where a sandbox forbids the calls', async () => {
    const forbidden = new Proxy({} as Libc, {
      get: (_, name) =>
        name === 'then'
          ? undefined
          : name === 'addressOf'
            ? () => 4096
            : name === 'errno'
              ? () => 1
              : () => -1,
    });
    const lines: string[] = [];
    const log = (line: string) => lines.push(line);
    const path = await createDataPath('auto', options, log, async () => forbidden);
    expect(path.name).toBe('portable');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('EPERM');
    await path.close();
  });

  it('refuses to start when the batched one is demanded and does not work', async () => {
    await expect(createDataPath('batched', options, () => undefined, broken)).rejects.toThrow(
      'no such library',
    );
  });

  it('takes the portable one when that is demanded, without a try', async () => {
    const path = await createDataPath('portable', options, () => undefined, broken);
    expect(path.name).toBe('portable');
    await path.close();
  });
});

describe.skipIf(loaded === null)('the batched data path by itself', () => {
  const libc = loaded as Libc;
  const paths: DataPath[] = [];

  function make(with_: Libc = libc): DataPath {
    const path = createBatchedDataPath(with_, options);
    paths.push(path);
    return path;
  }

  afterEach(async () => {
    for (const path of paths.splice(0)) {
      await path.close();
    }
  });

  it('proves itself without leaving a descriptor', () => {
    const before = descriptors();
    proveBatching(libc);
    expect(descriptors()).toBe(before);
  });

  it('gives back every descriptor: of flows closed, of a port that is taken, of itself', async () => {
    const before = descriptors();
    const path = make();
    await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    const open = descriptors();
    for (let round = 0; round < 50; round += 1) {
      const flows = [];
      for (let port = FIRST_PORT; port < FIRST_PORT + 40; port += 1) {
        flows.push(await path.openFlow({ client: stream, relay: 0, port, room: null }));
      }
      await expect(
        path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null }),
      ).rejects.toMatchObject({
        code: 'EADDRINUSE',
      });
      for (const flow of flows) {
        flow.close();
        flow.close();
      }
      expect(descriptors()).toBe(open);
    }
    await path.close();
    // The watch is closed by the event loop, in a turn of its own.
    await expect.poll(descriptors).toBe(before);
  });

  /** The C library, and how often it waited: without end, or only to look. */
  function counting(): { with_: Libc; waits: { long: number; short: number } } {
    const waits = { long: 0, short: 0 };
    const with_: Libc = {
      ...libc,
      epoll_wait(epoll, events, count, timeoutMs) {
        if (timeoutMs < 0) waits.long += 1;
        else waits.short += 1;
        return libc.epoll_wait(epoll, events, count, timeoutMs);
      },
    };
    return { with_, waits };
  }

  /** Until `end`, packets of no flow come to the port often. */
  function trafficTo(port: number): { end: () => Promise<unknown> } {
    const packet = channelData(0x4000, Buffer.alloc(10));
    const sender = new Worker(STEADY_SENDER, { eval: true, workerData: { port, packet } });
    return { end: () => sender.terminate() };
  }

  async function moreIn(ms: number, count: () => number): Promise<number> {
    const before = count();
    await sleep(ms);
    return count() - before;
  }

  it('does nothing while nothing comes', async () => {
    const { with_, waits } = counting();
    const path = make(with_);
    const listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    await sleep(300);
    expect(waits).toEqual({ long: 0, short: 0 });
    const client = createSocket('udp4');
    client.send('xxxx', listener.port, '127.0.0.1');
    await expect.poll(() => waits.short).toBeGreaterThan(0);
    client.close();
  });

  it('waits by itself while packets come often, and leaves the event loop its turns; then does nothing again', async () => {
    const { with_, waits } = counting();
    const path = make(with_);
    const listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    const traffic = trafficTo(listener.port);
    await expect.poll(() => waits.long).toBeGreaterThan(0);
    // Timers and immediates are the loop's.
    for (const from = waits.long; waits.long < from + 100; ) {
      await sleep(1);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
    await traffic.end();
    await expect.poll(() => moreIn(200, () => waits.long + waits.short)).toBe(0);
  });

  it('hands over what is control while packets come often', async () => {
    const { with_, waits } = counting();
    const came: string[] = [];
    const path = createBatchedDataPath(with_, {
      ...options,
      onControl: (packet) => came.push(packet.toString()),
    });
    paths.push(path);
    const listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    const traffic = trafficTo(listener.port);
    await expect.poll(() => waits.long).toBeGreaterThan(0);
    const client = createSocket('udp4');
    client.send('\0asking', listener.port, '127.0.0.1');
    await expect.poll(() => came).toEqual(['\0asking']);
    client.close();
    await traffic.end();
  });

  it('never waits by itself while it has a stream client, whose packets the event loop brings', async () => {
    const { with_, waits } = counting();
    const path = make(with_);
    const listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    const flow = await path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null });
    const traffic = trafficTo(listener.port);
    await expect.poll(() => waits.short).toBeGreaterThan(100);
    expect(waits.long).toBe(0);
    flow.close();
    await expect.poll(() => waits.long).toBeGreaterThan(0);
    const late = await path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null });
    // What was begun before it came ends with the timer.
    await expect.poll(() => moreIn(50, () => waits.long)).toBe(0);
    await expect.poll(() => moreIn(50, () => waits.short)).toBeGreaterThan(0);
    late.close();
    await traffic.end();
  });

  it('leaves the event loop its turns under a flood', async () => {
    const path = make();
    const listener = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
    // It never waits by itself beside a stream client: a turn ends by its packets, and not by a time.
    await path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null });
    const client = createSocket('udp4');
    client.connect(listener.port, '127.0.0.1');
    await once(client, 'connect');
    const dropped = () => counters[Counter.droppedUnknownFlow] ?? 0;
    const before = dropped();
    // They all wait in the socket: the loop has no turn until this function pauses.
    for (let index = 0; index < 3000; index += 1) {
      client.send(channelData(0x4000, Buffer.alloc(10)));
    }
    const handled: number[] = [];
    for (let last = before, idle = 0; idle < 20; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      handled.push(dropped() - last);
      idle = dropped() === last ? idle + 1 : 0;
      last = dropped();
    }
    expect(Math.max(...handled)).toBeGreaterThan(0);
    expect(Math.max(...handled)).toBeLessThan(1000);
    client.close();
  });

  it('carries the longest datagram there is, whole', async () => {
    const path = make();
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const flow = await path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null });
    flow.permit(['127.0.0.1'], Date.now() + 60_000);
    flow.bind(0x4000, '127.0.0.1', peer.address().port, Date.now() + 60_000);
    const longest = Buffer.alloc(65_507, 7);
    const came = once(peer, 'message');
    flow.fromClient(channelData(0x4000, longest));
    const [data] = (await came) as [Buffer];
    expect(data.equals(longest)).toBe(true);
    peer.close();
  });

  it('drops what no datagram can hold, and goes on', async () => {
    const path = make();
    const flow = await path.openFlow({ client: stream, relay: 0, port: FIRST_PORT, room: null });
    flow.permit(['127.0.0.1'], Date.now() + 60_000);
    flow.bind(0x4000, '127.0.0.1', 9, Date.now() + 60_000);
    const before = counters[Counter.droppedUnsent] ?? 0;
    flow.fromClient(channelData(0x4000, Buffer.alloc(65_535)));
    await expect.poll(() => counters[Counter.droppedUnsent] ?? 0).toBe(before + 1);
  });
});
