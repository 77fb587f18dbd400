/**
 * How the tests run: all of test/, in Node, at most two files at a time so that browsers keep their frame rate. What
 * compares how media fares before and during something comes last and one by one: beside another file's browsers it would
 * compare these.
 */
import { defineConfig } from 'vitest/config';

const COMPARING = ['test/e2e/files-beside-media.test.ts', 'test/e2e/files-large.test.ts'];

const common = {
  environment: 'node',
  // Guards against hanging, not measures: a machine that does something else besides may be ten times slower.
  testTimeout: 300_000,
  hookTimeout: 120_000,
  teardownTimeout: 20_000,
  expect: { poll: { timeout: 60_000 } },
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: COMPARING,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'one by one',
          include: COMPARING,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
