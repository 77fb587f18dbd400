/** What is left of allocations that were made and released: nothing, round after round. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Attr, type TurnClient, Type, uint32 } from './client.ts';
import { heldBytes } from './held-bytes.ts';
import { useRelay } from './stage.ts';

const CLIENTS = 100;
/** The first two grow what is grown once: tables, compiled code. Ten thousand allocations come after them. */
const WARM_UP_ROUNDS = 2;
const MEASURED_ROUNDS = 5;
const ROUNDS = WARM_UP_ROUNDS + MEASURED_ROUNDS;
const TIMES_A_ROUND = 20;
/** Much less than the smallest record of an allocation; what the engine of JavaScript keeps for itself varies by some ten. */
const MAX_BYTES_PER_ALLOCATION = 50;

const stage = useRelay();
const descriptors = () => readdirSync('/proc/self/fd').length;

async function makeAndRelease(one: TurnClient): Promise<void> {
  await one.allocate();
  expect((await one.bindChannel(0x4000, { ip: '9.9.9.9', port: 9 })).errorCode).toBe(0);
  await one.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
}

it.each(['auto', 'portable'])(
  'ten thousand allocations made and released leave descriptors and memory as they were, data path %s',
  async (dataPath) => {
    const env = { TURN_MAX_NEW_PER_SECOND: '0', TURN_MAX_UNAUTHENTICATED_PER_SECOND: '100000' };
    // The lines of the log are kept nowhere, or they would be what grows.
    await stage.start({ ...env, DATA_PATH: dataPath }, { log: () => undefined });
    const members = Array.from({ length: CLIENTS }, (_, index) => stage.member(`red.${index}`));
    const group = await Promise.all(members);
    const before = descriptors();
    const held: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let time = 0; time < TIMES_A_ROUND; time += 1) {
        await Promise.all(group.map(makeAndRelease));
      }
      await expect.poll(descriptors).toBe(before);
      held.push(heldBytes());
    }
    expect(stage.relay.counted('allocationsReleased')).toBe(ROUNDS * TIMES_A_ROUND * CLIENTS);
    expect(stage.relay.allocations).toBe(0);
    // What is kept of an allocation is kept in every round. The engine of JavaScript takes and gives back for itself by up to
    // two megabytes at once, in one round or another: the middle round has none of that.
    const measured = held.slice(WARM_UP_ROUNDS - 1);
    const grown = measured.slice(1).map((bytes, index) => bytes - (measured[index] ?? Number.NaN));
    const middle = grown.toSorted((one, other) => one - other)[Math.floor(grown.length / 2)];
    expect(grown).toHaveLength(MEASURED_ROUNDS);
    expect((middle ?? Number.NaN) / (TIMES_A_ROUND * CLIENTS)).toBeLessThan(MAX_BYTES_PER_ALLOCATION);
  },
);
