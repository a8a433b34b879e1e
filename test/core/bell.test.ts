import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bell, openBell } from '../../src/core/bell.ts';
import { eventually } from '../support/eventually.ts';

const require = createRequire(import.meta.url);
let folder: string;
let path: string;
let open: Bell[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-bell-'));
  path = join(folder, 'bell');
});
afterEach(() => {
  for (const bell of open) bell.close();
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

function bellAt(at: string) {
  const rings = { heard: 0 };
  const bell = openBell(require, at, () => rings.heard++);
  open.push(bell);
  return Object.assign(bell, { rings });
}

test('whoever has the bell hears it ring, each time', async () => {
  const a = bellAt(path);
  const b = bellAt(path);
  for (let ring = 0; ring < 3; ring++) {
    const before = b.rings.heard;
    a.ring();
    await eventually(() => expect(b.rings.heard).toBeGreaterThan(before));
  }
});

test('a bell that was removed is made anew by whoever mends it first, and heard by all who have mended it', async () => {
  const a = bellAt(path);
  const b = bellAt(path);
  rmSync(path);
  expect([a.mend(), b.mend()]).toEqual(['', '']);
  expect(existsSync(path)).toBe(true);
  await sleep(20);
  const before = b.rings.heard;
  a.ring();
  await eventually(() => expect(b.rings.heard).toBeGreaterThan(before));
});

test('a bell that cannot be made says why, rings for nobody, and works once it can', async () => {
  const bell = bellAt(join(folder, 'no', 'bell'));
  bell.ring();
  expect(bell.mend()).toContain('ENOENT');
  mkdirSync(join(folder, 'no'));
  expect(bell.mend()).toBe('');
  bell.ring();
  await eventually(() => expect(bell.rings.heard).toBeGreaterThan(0));
});
