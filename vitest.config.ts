import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', 'test/cluster/**', 'test/fuzz/**', 'test/kafka/**', 'test/kill/**', 'test/package/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
