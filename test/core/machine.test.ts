import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { realMachine } from '../../src/core/machine.ts';

test('all processes read the same time', () => {
  const before = realMachine.monotonicMs();
  const other = Number(execFileSync(process.execPath, ['-p', 'Number(process.hrtime.bigint()) / 1e6'], { encoding: 'utf8' }));
  const after = realMachine.monotonicMs();
  expect(other).toBeGreaterThan(before);
  expect(other).toBeLessThan(after);
});

test.runIf(existsSync('/proc/sys/kernel/random/boot_id'))('each boot has a name, the same for all who ask', () => {
  expect(realMachine.bootId).toBe(execFileSync('cat', ['/proc/sys/kernel/random/boot_id'], { encoding: 'utf8' }).trim());
  expect(realMachine.bootId).toMatch(/^[0-9a-f-]{36}$/);
});
