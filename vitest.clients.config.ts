import { defineConfig } from 'vitest/config';

// One file at a time: each has a broker and several clients, all processes of their own.
// biome-ignore lint/style/noDefaultExport: vitest looks for it
export default defineConfig({
  test: { include: ['test/clients/**/*.test.ts'], fileParallelism: false, testTimeout: 90_000, hookTimeout: 120_000 },
});
