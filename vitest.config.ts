/** How the tests run: all of test/, in Node, at most two files at a time so that browsers keep their frame rate. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // A guard against hanging, not a measure: a machine that does something else besides may be ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    fileParallelism: true,
    maxWorkers: 2,
    pool: 'forks',
  },
});
