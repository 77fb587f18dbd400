import { createBatchedDataPath } from '../../turn-host/data-path/batched.ts';
import { createPortableDataPath } from '../../turn-host/data-path/portable.ts';
import { libcFor } from '../fixtures/passed-over.ts';
import { describeDataPath } from './data-path-contract.ts';

describeDataPath('portable', createPortableDataPath);

const libc = await libcFor('the batched data path');
describeDataPath('batched', libc && ((options) => createBatchedDataPath(libc, options)));
