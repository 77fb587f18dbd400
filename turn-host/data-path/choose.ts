/**
 * Owns which data path a relay gets: the batched one where it works, else the portable one. Must not know either from
 * within.
 */
import { createBatchedDataPath } from './batched.ts';
import type { DataPath, DataPathName, DataPathOptions } from './data-path.ts';
import { type Libc, loadLibc } from './linux/libc.ts';
import { proveBatching } from './linux/proof.ts';
import { createPortableDataPath } from './portable.ts';

/**
 * Makes the data path that is `wanted`, with `auto` the fastest that works here. Says in one line why
 * the batched one does not work, where that is so. Rejects when the batched one is wanted and does not work here.
 */
export async function createDataPath(
  wanted: DataPathName | 'auto',
  options: DataPathOptions,
  log: (line: string) => void,
  load: () => Promise<Libc> = loadLibc,
): Promise<DataPath> {
  if (wanted === 'portable') {
    return createPortableDataPath(options);
  }
  let libc: Libc;
  try {
    libc = await load();
    proveBatching(libc);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    if (wanted === 'batched') {
      throw new Error(`the batched data path does not work here: ${reason}`);
    }
    log(`data path: portable, since the batched one does not work here: ${reason}`);
    return createPortableDataPath(options);
  }
  return createBatchedDataPath(libc, options);
}
