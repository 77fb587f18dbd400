import { createPortableDataPath } from '../../turn-host/data-path/portable.ts';
import { describeDataPath } from './data-path-contract.ts';

describeDataPath('portable', createPortableDataPath);
