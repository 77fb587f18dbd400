import { it } from 'vitest';
import { createBatchedDataPath } from '../../turn-host/data-path/batched.ts';
import { type Libc, loadLibc } from '../../turn-host/data-path/linux/libc.ts';
import { createPortableDataPath } from '../../turn-host/data-path/portable.ts';
import { describeDataPath } from './data-path-contract.ts';

describeDataPath('portable', createPortableDataPath);

let libc: Libc | null = null;
let reason = '';
try {
  libc = await loadLibc();
} catch (error) {
  reason = String(error).split('\n')[0] ?? '';
}
if (libc === null) {
  it('the batched data path: passed over', () => {
    process.stdout.write(`passed over: the batched data path (${reason})\n`);
  });
} else {
  const loaded = libc;
  describeDataPath('batched', (options) => createBatchedDataPath(loaded, options));
}
