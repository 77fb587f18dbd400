/** The engine over a data path of its own: what it does about a fault in its midst. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import type { DataPath, Flow } from '../../turn-host/data-path/data-path.ts';
import { Directory } from '../../turn-host/data-path/directory.ts';
import { createPortableDataPath } from '../../turn-host/data-path/portable.ts';
import { TurnEngine } from '../../turn-host/engine/engine.ts';
import { Counter, createCounters } from '../../turn-host/metrics/counters.ts';
import { AdmissionDesk } from '../../turn-host/policy/admissions.ts';
import { createPeerPolicy } from '../../turn-host/policy/peer-policy.ts';
import { SourceLimiter } from '../../turn-host/policy/source-limiter.ts';
import { isSigned, openClient, Type, udpTransport } from './client.ts';

it('gives back what it took for an allocation that a fault prevents, tells of it and answers 500', async () => {
  const directory = new Directory([{ ip: '127.0.0.1', externalIp: '127.0.0.1', family: 4 }]);
  const counters = createCounters();
  const lines: string[] = [];
  const admissions = new AdmissionDesk({
    limits: { perUser: 4, perRoom: 4, inAll: 4 },
    newPerSecond: 0,
    directory,
  });
  const flows: Flow[] = [];
  let isClockBroken = false;
  const now = () => {
    if (isClockBroken) {
      isClockBroken = false;
      throw new Error('no time');
    }
    return Date.now();
  };
  const path: DataPath = createPortableDataPath({
    ...{ directory, counters },
    now: Date.now,
    sameRoomOnly: true,
    ownPortsOpen: false,
    limits: { maxPermissions: 4, maxChannels: 4 },
    flowBytesPerSecond: null,
    totalBytesPerSecond: null,
    onControl: (packet, client) => engine.receive(packet, client),
  });
  const openFlow = path.openFlow.bind(path);
  path.openFlow = async (options) => {
    const flow = await openFlow(options);
    isClockBroken = flows.push(flow) === 1;
    return flow;
  };
  const engine = new TurnEngine({
    ...{ directory, counters, admissions, now },
    dataPath: path,
    policy: createPeerPolicy({ name: 'room', directory, listenAddresses: [], allowLoopback: false }),
    unauthenticated: new SourceLimiter(100, 100),
    secrets: ['s'],
    nonceKey: randomBytes(32),
    realm: 'parley',
    minPort: 49_152,
    maxPort: 65_535,
    log: (line) => lines.push(line),
  });
  const { port } = await path.listen({ ip: '127.0.0.1', port: 0, reusePort: false });
  const minted = await mintCredential('s', 'red.one', Math.floor(Date.now() / 1000) + 60);
  const one = await openClient(port, minted.username, minted.credential);
  try {
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport]);
    expect([answer.errorCode, isSigned(answer, one.key)]).toEqual([500, true]);
    expect([path.flows, admissions.inUse, engine.allocations]).toEqual([0, 0, 0]);
    expect(flows.map((flow) => directory.isFree(flow.relay, flow.port))).toEqual([true]);
    expect(counters[Counter.unhandled]).toBe(1);
    expect(lines).toEqual(['an allocation was not made: a fault']);
    await expect(one.allocate()).resolves.toMatchObject({ ip: '127.0.0.1' });
  } finally {
    one.close();
    engine.stop();
    await path.close();
  }
});
