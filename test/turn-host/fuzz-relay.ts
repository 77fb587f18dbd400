/**
 * `npm run fuzz:relay [-- --packets N --seed S]`: ten million mutated packets with a call beside them, on the data path
 * that DATA_PATH names. Exit code 0 when nothing was thrown, lost or kept.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzRelay } from './fuzz.ts';

const { values } = parseArgs({ options: { packets: { type: 'string' }, seed: { type: 'string' } } });
const packets = Number(values.packets ?? 10_000_000);
const seed = Number(values.seed ?? randomInt(1, 2 ** 31));
const env = process.env.DATA_PATH === undefined ? {} : { DATA_PATH: process.env.DATA_PATH };

process.stdout.write(`seed ${seed}, ${packets} packets\n`);
const startedMs = performance.now();
const report = await fuzzRelay({
  seed,
  packets,
  env,
  onProgress: (sent) => {
    if (sent % 500_000 === 0) {
      process.stdout.write(`${sent} sent, ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
    }
  },
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
const isGood =
  report.unhandled + report.uncaught === 0 &&
  report.callReceived === report.callSent &&
  report.driftBytes < 10 << 20 &&
  report.allocationsLeft === 0;
process.exit(isGood ? 0 : 1);
