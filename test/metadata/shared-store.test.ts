import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { openSharedStore } from '../../src/metadata/shared-store.ts';
import { storeConformance } from './store-conformance.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-shared-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

let stores = 0;
describe('the rules of every engine', () =>
  storeConformance(
    (options) => {
      const machine = { monotonicMs: options.clock.monotonicMs, bootId: 'boot' };
      return openSharedStore(join(folder, `${++stores}.db`), { ...options, machine, logger: silentLogger, keepMs: 0 });
    },
    { answersLater: true },
  ));
