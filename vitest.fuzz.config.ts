import { defineConfig } from 'vitest/config';

// As long as MINIKAFKA_FUZZ_SECONDS says, and what it takes to look at the broker afterwards.
// biome-ignore lint/style/noDefaultExport: vitest looks for it
export default defineConfig({
  test: { include: ['test/fuzz/**/*.test.ts'], testTimeout: 120_000 + 1000 * Number(process.env.MINIKAFKA_FUZZ_SECONDS ?? 15) },
});
