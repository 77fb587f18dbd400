import { createBatchedDataPath } from '../../turn-host/data-path/batched.ts';
import { createPortableDataPath } from '../../turn-host/data-path/portable.ts';
import { describeDataPath } from './data-path-contract.ts';
import { libcFor } from './passed-over.ts';

describeDataPath('portable', createPortableDataPath);

const libc = await libcFor('the batched data path');
describeDataPath('batched', libc && ((options) => createBatchedDataPath(libc, options)));
