/** What this process holds after a garbage collection, which Node offers only to those who know how to ask. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Asked for once: each new context would itself be held for a while. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') {
    throw new Error('this Node offers no garbage collection');
  }
  return () => {
    collect();
  };
}
const collect = collector();

/** The first rounds grow what is grown once: tables, compiled code. */
const WARM_UP_ROUNDS = 2;
const MEASURED_ROUNDS = 5;
export const ROUNDS = WARM_UP_ROUNDS + MEASURED_ROUNDS;

/** Heap and what lies outside of it for the heap's sake, in bytes. */
export function heldBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * By how much what is held grows in a round, in bytes, given what was held after each of `ROUNDS` like ones. What is kept of
 * something is kept in every round. The engine of JavaScript takes and gives back for itself by up to two megabytes at once, in
 * one round or another: the middle round has none of that.
 */
export function growthOfRound(held: readonly number[]): number {
  const measured = held.slice(WARM_UP_ROUNDS - 1);
  const grown = measured.slice(1).map((bytes, index) => bytes - (measured[index] ?? Number.NaN));
  const middle = grown.toSorted((one, other) => one - other)[Math.floor(grown.length / 2)];
  if (grown.length !== MEASURED_ROUNDS || middle === undefined) {
    throw new RangeError(`${held.length} rounds were measured, not ${ROUNDS}`);
  }
  return middle;
}
