import { expect, it } from 'vitest';
import { fuzzRelay } from './fuzz.ts';

/** Fixed, so that a failure comes again; `npm run fuzz:relay` draws its own. */
const SEED = 20_240_601;

// The time is a guard against hanging, as this takes minutes where most tests take less than a second.
it('a million mutated packets raise no exception, leave no memory behind and do not disturb a call', async () => {
  const report = await fuzzRelay({ seed: SEED, packets: 1_000_000 });
  expect(report).toMatchObject({
    sent: 1_000_000,
    unhandled: 0,
    uncaught: 0,
    faults: [],
    allocationsLeft: 0,
  });
  expect(report.requests).toBeGreaterThan(100_000);
  expect(report.callReceived).toBe(report.callSent);
  expect(report.driftBytes).toBeLessThan(10 << 20);
}, 900_000);
