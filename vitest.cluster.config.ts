import { defineConfig } from 'vitest/config';

// One file at a time: each has brokers under load. The tests say how long each may take, by its rounds.
// biome-ignore lint/style/noDefaultExport: vitest looks for it
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.test.ts', 'test/kill/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
