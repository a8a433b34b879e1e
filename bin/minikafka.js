#!/usr/bin/env node
const MAIN = '../dist/cli/main.js';

import(MAIN).catch((error) => {
  // In a checkout that was never built.
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || error.url !== new URL(MAIN, import.meta.url).href) throw error;
  process.stderr.write('minikafka: not built yet: run npm run build\n');
  process.exitCode = 1;
});
