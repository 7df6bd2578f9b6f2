import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A native addon and child processes: real processes isolate test files from one another.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests with real processes on a small shared machine: a second failure is a failure. What needed its second
    // try is said in the report, and is looked into.
    retry: process.env['CI'] ? 1 : 0,
  },
});
