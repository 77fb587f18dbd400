/** What is left of allocations that were made and released: nothing, round after round. */
import { expect, it } from 'vitest';
import { Attr, type TurnClient, Type, uint32 } from './client.ts';
import { descriptors } from './descriptors.ts';
import { growthOfRound, heldBytes, ROUNDS } from './held-bytes.ts';
import { useRelay } from './stage.ts';

const CLIENTS = 100;
/** Ten thousand allocations in the rounds that are measured. */
const TIMES_A_ROUND = 20;
/** A guard against hanging, as these take half a minute where most tests take less than a second. */
const TIMEOUT_MS = 900_000;
/** Much less than the smallest record of an allocation; what the engine of JavaScript keeps for itself varies by some ten. */
const MAX_BYTES_PER_ALLOCATION = 50;

const stage = useRelay();

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
    expect(growthOfRound(held) / (TIMES_A_ROUND * CLIENTS)).toBeLessThan(MAX_BYTES_PER_ALLOCATION);
  },
  TIMEOUT_MS,
);
