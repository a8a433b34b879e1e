import { beforeEach, describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { BELIEVED_AFTER_MS, TrustedTime } from '../../src/core/trusted-time.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let clock: FakeClock;
let lines: string[];
let time: TrustedTime;
beforeEach(() => {
  clock = fakeClock();
  lines = [];
  const note = (level: string) => (_: object, message: string) => void lines.push(`${level}: ${message}`);
  const logger: Logger = { ...silentLogger, info: note('info'), warn: note('warn') };
  time = new TrustedTime(clock, logger);
});

/** How far it is behind the wall clock. */
const behind = () => clock.now() - time.now();

/** Asked every minute for so long. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += MINUTE) {
    await clock.advance(MINUTE);
    time.now();
  }
}

test('an ordinary clock is believed, whether it is asked often or once a month', async () => {
  expect(behind()).toBe(0);
  await pass(2 * HOUR);
  expect(behind()).toBe(0);
  await clock.advance(30 * 24 * HOUR);
  expect(behind()).toBe(0);
  expect(lines).toEqual([]);
});

test('a jump ahead counts when it has stood for an hour, and not before; time goes on meanwhile', async () => {
  clock.jump(30 * 24 * HOUR);
  expect(behind()).toBe(30 * 24 * HOUR);
  await pass(BELIEVED_AFTER_MS - MINUTE);
  expect(behind()).toBe(30 * 24 * HOUR);
  await pass(MINUTE);
  expect(behind()).toBe(0);
});

test('a jump that is taken back never counted', async () => {
  const before = time.now();
  clock.jump(400 * 24 * HOUR);
  await pass(59 * MINUTE);
  clock.jump(-400 * 24 * HOUR);
  expect(time.now()).toBe(before + 59 * MINUTE);
  await pass(3 * HOUR);
  expect(behind()).toBe(0);
});

test('the hour counts from when a jump is first seen: nobody knows when it happened', async () => {
  await clock.advance(5 * HOUR);
  clock.jump(HOUR);
  await clock.advance(5 * HOUR);
  expect(behind()).toBe(HOUR);
  await pass(BELIEVED_AFTER_MS);
  expect(behind()).toBe(0);
});

test('a jump back counts at once: then less is deleted', async () => {
  clock.jump(-24 * HOUR);
  expect(behind()).toBe(0);
  await pass(2 * HOUR);
  expect(behind()).toBe(0);
});

test('each jump has its own hour, so that a laptop that sleeps every half hour falls no further behind', async () => {
  for (let i = 0; i < 20; i++) {
    clock.jump(8 * HOUR);
    await pass(30 * MINUTE);
  }
  expect(behind()).toBe(2 * 8 * HOUR);
  await pass(30 * MINUTE);
  expect(behind()).toBe(8 * HOUR);
  await pass(30 * MINUTE);
  expect(behind()).toBe(0);
});

test('a slow drift is followed', async () => {
  for (let hour = 0; hour < 48; hour++) {
    await pass(HOUR);
    clock.jump(1800);
    expect(behind()).toBeLessThanOrEqual(3 * 1800);
    expect(behind()).toBeGreaterThanOrEqual(0);
  }
});

test('it is never ahead of the wall clock, and jumps without end take no memory', async () => {
  for (let i = 0; i < 5000; i++) {
    clock.jump(2000);
    await clock.advance(1);
    expect(behind()).toBeGreaterThanOrEqual(0);
  }
  const { offsets } = time as unknown as { offsets: unknown[] };
  expect(offsets.length).toBeLessThanOrEqual(64);
  await pass(3 * HOUR);
  expect(behind()).toBeLessThan(2000);
}, 60_000);

test('a jump is told of once, and that it is over', async () => {
  clock.jump(2 * HOUR);
  await pass(2 * HOUR);
  expect(lines).toEqual([
    'warn: the wall clock jumped ahead: nothing expires by the new time before it has stood for a while',
    'info: the wall clock is believed again',
  ]);
});

describe('from run to run', () => {
  /** The broker ends, the machine is off or its clock is set, and the broker starts again: with a monotonic clock that begins anew. */
  async function restart(gapMs: number): Promise<void> {
    const known = time.state();
    const at = clock.now() + gapMs;
    clock = fakeClock(at - 5);
    await clock.advance(5);
    time = new TrustedTime(clock, silentLogger, known);
  }

  test('a start within a day of the last run is believed at once', async () => {
    await pass(HOUR);
    await restart(10_000);
    expect(behind()).toBe(0);
    await restart(23 * HOUR);
    expect(behind()).toBe(0);
    await pass(2 * HOUR);
    expect(behind()).toBe(0);
  });

  test('one that comes later may have a wrong clock: it counts after an hour', async () => {
    await pass(HOUR);
    await restart(365 * 24 * HOUR);
    expect(behind()).toBe(365 * 24 * HOUR);
    await pass(BELIEVED_AFTER_MS - MINUTE);
    expect(behind()).toBe(365 * 24 * HOUR);
    await pass(MINUTE);
    expect(behind()).toBe(0);
  });

  test('a jump that was not believed yet is not believed because of a new start', async () => {
    clock.jump(365 * 24 * HOUR);
    time.now();
    await pass(30 * MINUTE);
    await restart(1000);
    expect(behind()).toBe(365 * 24 * HOUR);
    await pass(30 * MINUTE);
    expect(behind()).toBe(0);
  });

  test('a wrong clock that is put right between two runs never counted', async () => {
    await restart(365 * 24 * HOUR);
    await pass(30 * MINUTE);
    await restart(-365 * 24 * HOUR);
    expect(behind()).toBe(0);
    await pass(2 * HOUR);
    expect(behind()).toBe(0);
  });

  test('whoever runs it for half an hour now and then falls two times off behind, no more', async () => {
    for (let i = 0; i < 10; i++) {
      await restart(72 * HOUR);
      await pass(30 * MINUTE);
    }
    expect(behind()).toBe(72 * HOUR);
  });

  test.each(['', 'null', '{}', '{"version":1,"wallMs":1,"ranMs":null,"offsets":[]}', '{"version":1,"wallMs":1,"ranMs":1,"offsets":[[1]]}'])(
    'what is damaged is as good as none: %s',
    (known) => {
      time = new TrustedTime(clock, silentLogger, known);
      expect(behind()).toBe(0);
    },
  );
});
