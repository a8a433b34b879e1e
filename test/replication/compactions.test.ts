import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type Compactable, Compactions, type CompactionsOptions } from '../../src/replication/compactions.ts';
import { NOTHING_CLEANABLE } from '../../src/storage/compaction-range.ts';
import { type CompactionResult, NOTHING_COMPACTED } from '../../src/storage/log-compacting.ts';
import { type Logged, listLogger } from '../support/memory-broker.ts';

const BACKOFF_MS = 15_000;
const COMPACTED: CompactionResult = {
  ...NOTHING_COMPACTED,
  bytesBefore: 100,
  bytesAfter: 10,
  segmentsBefore: 2,
  segmentsAfter: 1,
  firstDirtyOffset: 9,
};

/** A log whose disk, dirt and speed a test decides. */
class ScriptedLog implements Compactable {
  readonly topic: string;
  readonly index = 0;
  ratio = 0;
  durationMs = 0;
  expired = 0;
  failure: Error | null = null;
  /** It was cut while it was compacted. */
  isGivenUp = false;
  /** What is dirty cannot be compacted yet, and is as due as before. */
  getsNowhere = false;

  compactedSoFar = NOTHING_COMPACTED;

  constructor(topic: string) {
    this.topic = topic;
  }
  applyRetention(): number {
    if (this.expired === 0) return 0;
    events.push(`delete ${this.topic}`);
    return this.expired--;
  }
  cleanable() {
    return { ...NOTHING_CLEANABLE, ratio: this.ratio, isDue: this.ratio > 0.5 };
  }
  compact(done: (error: Error | null, result: CompactionResult) => void): void {
    events.push(`compact ${this.topic}`);
    clock.after(this.durationMs, () => {
      if (this.failure) return done(this.failure, NOTHING_COMPACTED);
      if (this.isGivenUp) return done(null, NOTHING_COMPACTED);
      if (this.getsNowhere) return done(null, { ...COMPACTED, firstDirtyOffset: 0 });
      this.ratio = 0;
      events.push(`compacted ${this.topic}`);
      done(null, COMPACTED);
    });
  }
}

let clock: FakeClock;
let logged: Logged[];
let events: string[];
let logs: Map<string, ScriptedLog>;
let checkpoints: number;
let compactions: Compactions;
beforeEach(() => {
  clock = fakeClock();
  logged = [];
  events = [];
  logs = new Map();
  checkpoints = 0;
  compactions = begun();
});
afterEach(() => {
  compactions.stop();
  expect(clock.pending()).toBe(0);
});

function begun(options: Partial<CompactionsOptions> = {}): Compactions {
  const made = new Compactions({
    clock,
    logger: listLogger(logged),
    nowMs: () => clock.now(),
    isEnabled: true,
    backoffMs: () => BACKOFF_MS,
    deletedSome: () => void checkpoints++,
    ...options,
  });
  made.begin({
    stored: () => [...logs.keys()].map((topic) => ({ topic, index: 0 })),
    hosted: (topic) => {
      const log = logs.get(topic);
      if (!log) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
      return log;
    },
  });
  return made;
}
function log(topic: string, ratio: number): ScriptedLog {
  const made = new ScriptedLog(topic);
  made.ratio = ratio;
  logs.set(topic, made);
  return made;
}
const lines = (level: string) => logged.filter((line) => line.level === level).map(({ message }) => message);
const compactedTimes = (topic: string) => events.filter((event) => event === `compact ${topic}`).length;

test('a log whose compaction got nowhere is tried again after log.cleaner.backoff.ms, not at once and for ever', async () => {
  log('orders', 0.9).getsNowhere = true;
  await clock.advance(BACKOFF_MS);
  expect(events).toEqual(['compact orders']);
  await clock.advance(BACKOFF_MS - 1);
  expect(events).toEqual(['compact orders']);
  await clock.advance(1);
  expect(events).toEqual(['compact orders', 'compact orders']);
});

test('the dirtiest log is compacted first, one after the other', async () => {
  log('some', 0.6);
  log('clean', 0.5);
  log('most', 0.9).durationMs = 50;
  log('more', 0.7);
  await clock.advance(BACKOFF_MS - 1);
  expect(events).toEqual([]);
  await clock.advance(1 + 50);
  await clock.advance(0);
  await clock.advance(0);
  expect(events).toEqual(['most', 'more', 'some'].flatMap((topic) => [`compact ${topic}`, `compacted ${topic}`]));
});

test('after work it looks again at once; without, after log.cleaner.backoff.ms as it is then', async () => {
  let backoffMs = BACKOFF_MS;
  compactions.stop();
  compactions = begun({ backoffMs: () => backoffMs });
  log('first', 0.9).durationMs = 1000;
  await clock.advance(BACKOFF_MS);
  const second = log('second', 0.9); // came while the first was compacted
  await clock.advance(1001);
  expect(events).toContain('compacted second');
  backoffMs = 500;
  second.ratio = 0.9;
  await clock.advance(BACKOFF_MS);
  expect(compactedTimes('second')).toBe(2);
  second.ratio = 0.9;
  await clock.advance(500);
  expect(compactedTimes('second')).toBe(3);
});

test('a backoff of 0 is no busy loop', async () => {
  let looks = 0;
  compactions.stop();
  compactions = new Compactions({
    ...{ clock, logger: listLogger(logged), nowMs: () => clock.now(), isEnabled: true, backoffMs: () => 0, deletedSome: () => {} },
  });
  const stored = () => {
    looks++;
    return [];
  };
  compactions.begin({ stored, hosted: () => log('none', 0) });
  await clock.advance(1000);
  expect(looks).toBe(10);
});

test('who asks is looked at at once, before all others, and compacted when that is due', async () => {
  log('other', 0.9).durationMs = 100;
  log('another', 0.8);
  await clock.advance(BACKOFF_MS);
  const asking = log('asking', 0.7);
  compactions.request(asking);
  compactions.request(log('clean', 0.1));
  await clock.advance(200);
  expect(events.filter((event) => event.startsWith('compact '))).toEqual(['compact other', 'compact asking', 'compact another']);
});

test('the result is told at info, and while one goes on, how long it has been', async () => {
  const large = log('large', 0.9);
  large.durationMs = 70_000;
  await clock.advance(BACKOFF_MS + 30_000);
  large.compactedSoFar = { ...NOTHING_COMPACTED, bytesBefore: 60 };
  await clock.advance(40_000);
  expect(lines('info')).toEqual(['a log is being compacted', 'a log is being compacted', 'a log was compacted']);
  expect(logged.slice(0, 2).map(({ fields }) => fields)).toMatchObject([
    { topic: 'large', partition: 0, seconds: 30, doneBytes: 0 },
    { seconds: 60, doneBytes: 60 },
  ]);
  expect(logged.at(-1)!.fields).toMatchObject({ topic: 'large', partition: 0, durationMs: 70_000, bytesBefore: 100, bytesAfter: 10 });
});

test('old segments are deleted between compactions, and the checkpoint says so; never while the log is compacted', async () => {
  const both = log('both', 0.9);
  both.durationMs = 3 * BACKOFF_MS;
  both.expired = 1;
  await clock.advance(BACKOFF_MS);
  expect([events, checkpoints]).toEqual([['delete both', 'compact both'], 1]);
  both.expired = 1;
  await clock.advance(3 * BACKOFF_MS);
  expect(events.slice(2)).toEqual(['compacted both', 'delete both']);
});

test('a log that was cut while it was compacted is not tried again before the next look', async () => {
  const cut = log('cut', 0.9);
  cut.isGivenUp = true;
  await clock.advance(BACKOFF_MS);
  await clock.advance(BACKOFF_MS - 1);
  expect(compactedTimes('cut')).toBe(1);
  cut.isGivenUp = false;
  await clock.advance(1);
  expect(events.at(-1)).toBe('compacted cut');
});

describe('what cannot be compacted', () => {
  test('a disk that fails is told of once, tried after longer and longer, and it is told when it is over; others go on', async () => {
    const failing = log('failing', 0.9);
    failing.failure = new KafkaError('KAFKA_STORAGE_ERROR', 'ENOSPC');
    const other = log('other', 0.8);
    for (let i = 0; i < 40; i++) {
      other.ratio = 0.8;
      await clock.advance(BACKOFF_MS);
    }
    expect(compactedTimes('other')).toBe(40);
    expect(compactedTimes('failing')).toBeGreaterThan(3); // at 15, 30, 60, 120, 240, 480 s
    expect(compactedTimes('failing')).toBeLessThan(8);
    expect(lines('warn')).toEqual(['a log could not be compacted; it is tried again']);
    failing.failure = null;
    await clock.advance(600_000);
    expect(events.at(-1)).toBe('compacted failing');
    expect(lines('info')).toContain('a log can be compacted again');
  });

  test('a log with records that cannot be read is told of once and passed over; what is old in it goes all the same', async () => {
    const broken = log('broken', 0.9);
    broken.failure = new KafkaError('CORRUPT_MESSAGE', 'no such codec');
    log('other', 0.8);
    await clock.advance(10 * BACKOFF_MS);
    compactions.request(broken);
    broken.expired = 1;
    await clock.advance(BACKOFF_MS);
    expect(compactedTimes('broken')).toBe(1);
    expect(events).toContain('compacted other');
    expect(events.at(-1)).toBe('delete broken');
    expect(lines('error')).toEqual(['a log cannot be compacted, and is passed over until the next start']);
  });

  test('what throws at once counts the same', async () => {
    const failing = log('failing', 0.9);
    failing.compact = () => {
      throw new KafkaError('KAFKA_STORAGE_ERROR');
    };
    log('other', 0.8);
    await clock.advance(BACKOFF_MS);
    expect(events).toEqual(['compact other', 'compacted other']);
    expect(lines('warn')).toHaveLength(1);
  });

  test('a topic that is deleted before its turn is no failure', async () => {
    log('long', 0.9).durationMs = 10;
    const gone = log('gone', 0.8);
    await clock.advance(BACKOFF_MS);
    gone.cleanable = () => {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    };
    logs.delete('gone');
    await clock.advance(BACKOFF_MS);
    expect([...lines('warn'), ...lines('error')]).toEqual([]);
    expect(compactedTimes('gone')).toBe(0);
  });
});

test('a cleaner that is switched off does nothing, also when it is asked', async () => {
  compactions.stop();
  compactions = begun({ isEnabled: false });
  compactions.request(log('dirty', 0.9));
  await clock.advance(10 * BACKOFF_MS);
  expect(events).toEqual([]);
});

test('when it is stopped what is under way ends, and nothing follows', async () => {
  log('first', 0.9).durationMs = 100;
  log('second', 0.8);
  await clock.advance(BACKOFF_MS);
  compactions.stop();
  await clock.advance(BACKOFF_MS);
  expect(events).toEqual(['compact first', 'compacted first']);
});
