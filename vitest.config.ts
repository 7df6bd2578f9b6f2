import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A native addon and child processes: real processes isolate test files from one another.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is polled for comes soon; on a machine that has other things to do it takes its time. A failure is a failure: nothing is tried twice.
    expect: { poll: { timeout: 10_000 } },
  },
});
