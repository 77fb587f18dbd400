/**
 * The order in which rounds are measured, and the care that nothing else is measured with them: a round waits until
 * other programs rest, and is repeated when they did not. Only what others used decides that, never what was measured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { watchOthers } from './process-tree.ts';

/** Cores that other programs may use, on average over a round. */
const BUSY_CORES = 0.25;
const REST_MS = 2_000;
/** A machine that never rests is measured as it is. */
const MAX_RESTS = 20;

export interface Rounds<T> {
  readonly ours: readonly T[];
  readonly floor: readonly T[];
  /** What to say about disturbances; empty when there were none. */
  readonly notes: readonly string[];
}

async function awaitRest(): Promise<void> {
  for (let rests = 0; rests < MAX_RESTS; rests += 1) {
    const others = watchOthers();
    await sleep(REST_MS);
    if (others() <= BUSY_CORES) return;
  }
}

/** Runs both once: the first pages of a browser wait for its code to be read from disk, and nobody's figure should. */
export async function warmUp(ours: () => Promise<unknown>, floor: () => Promise<unknown>): Promise<void> {
  await ours();
  await floor();
}

/** Runs both by turns; who goes first changes from round to round. `name` is for the notes. */
export async function alternate<T>(
  name: string,
  rounds: number,
  ours: () => Promise<T>,
  floor: () => Promise<T>,
): Promise<Rounds<T>> {
  const results = { ours: [] as T[], floor: [] as T[] };
  let repeats = 0;
  let disturbed = 0;
  const measure = async (work: () => Promise<T>): Promise<T> => {
    for (;;) {
      await awaitRest();
      const others = watchOthers();
      const result = await work();
      if (others() <= BUSY_CORES) return result;
      if (repeats >= rounds) {
        disturbed += 1;
        return result;
      }
      repeats += 1;
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['ours', 'floor'] as const) : (['floor', 'ours'] as const);
    for (const side of order) results[side].push(await measure(side === 'ours' ? ours : floor));
  }
  const notes: string[] = [];
  if (repeats > 0)
    notes.push(`${name}: ${repeats} measurements were repeated, others kept the machine busy.`);
  if (disturbed > 0) {
    notes.push(`${name}: ${disturbed} of ${2 * rounds} measurements are disturbed by others: measure again.`);
  }
  return { ...results, notes };
}
