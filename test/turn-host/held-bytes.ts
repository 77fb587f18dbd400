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

/** Heap and what lies outside of it for the heap's sake, in bytes. */
export function heldBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
