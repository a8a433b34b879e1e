import { defineConfig } from 'vitest/config';

// The tests share one installation, in order.
// biome-ignore lint/style/noDefaultExport: vitest looks for it
export default defineConfig({
  test: { include: ['test/package/**/*.test.ts'], fileParallelism: false, testTimeout: 90_000, hookTimeout: 120_000 },
});
