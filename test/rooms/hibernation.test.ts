/** A room left to itself in a real workerd, which decides on its own when an object may go. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningWorker, startWorker } from '../fixtures/miniflare.ts';
import { RoomClient } from './room-client.ts';

/** workerd lets an object hibernate after ten seconds without work; the alarm of the join deadline is work too. */
const IDLE_MS = 18_000;
const PING_EVERY_MS = 1_000;

let worker: RunningWorker;

beforeAll(async () => {
  worker = await startWorker({ entry: 'test/fixtures/worker-counting.ts' });
});
afterAll(() => worker.close());

const objectsMade = async () => Number(await (await fetch(`${worker.url}/objects`)).text());

it('[F4] [H1] [H2] an idle room hibernates under its members’ pings and forgets nobody', async () => {
  const room = randomBytes(16).toString('base64url');
  const alice = await RoomClient.open(worker.url, room);
  const bob = await RoomClient.open(worker.url, room);
  const { peerId: aliceId } = await alice.join('alice-hello1');
  const { peerId: bobId } = await bob.join('bob-hello123');
  await alice.until(() => alice.heard.length === 2);
  expect(await objectsMade()).toBe(1);

  const pinging = setInterval(() => {
    alice.send('ping');
    bob.send('ping');
  }, PING_EVERY_MS);
  // Again where a busy machine let it stay for longer.
  for (let idleTimes = 1; (await objectsMade()) === 1; idleTimes += 1) {
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    expect(alice.pongs.length).toBeGreaterThan(5);
    expect(await objectsMade()).toBe(1);
    await alice.hears(bob, aliceId, `good-morning-${idleTimes}`);
  }
  clearInterval(pinging);
  expect(await objectsMade()).toBe(2);
  await bob.hears(alice, bobId, 'good-morning');
  const carol = await RoomClient.open(worker.url, room);
  expect((await carol.join('carol-hello1')).peers.map(({ id }) => id)).toEqual([aliceId, bobId]);
  expect(await objectsMade()).toBe(2);
  for (const client of [alice, bob, carol]) client.end();
});
