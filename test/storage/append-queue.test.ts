import { beforeEach, describe, expect, test } from 'vitest';
import type { FileHandle } from '../../src/core/files.ts';
import { AppendQueue, CONGESTED_WRITES, MAX_QUEUED_WRITES, type PendingWrite } from '../../src/storage/append-queue.ts';
import type { Segment } from '../../src/storage/segment.ts';

/** A turn of the loop is over when `turn` is called; asynchronous writes finish when the test says so. */
let soon: (() => void)[];
let nowMs: number;
let calls: string[];
let finish: ((error: Error | null) => void)[];
let slowSync: number;
let outcome: string[];
let queue: AppendQueue;
/** Writes from this offset on must be synced. */
let syncFrom: number;
let finishSync: ((error: Error | null) => void)[];
const turn = () => {
  for (const fire of soon.splice(0)) fire();
};

beforeEach(() => {
  soon = [];
  nowMs = 0;
  calls = [];
  finish = [];
  slowSync = 0;
  outcome = [];
  syncFrom = Number.POSITIVE_INFINITY;
  finishSync = [];
  const clock = {
    now: () => 0,
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => {} }),
    soon: (fire: () => void) => void soon.push(fire),
  };
  const tell = (what: string) => (writes: readonly PendingWrite[]) => void outcome.push(`${what} ${writes.length}`);
  const owner = {
    begins: () => {},
    written: tell('written'),
    failed: (_: Error, lost: readonly PendingWrite[]) => tell('failed')(lost),
    mustSync: ({ lastOffset }: PendingWrite) => lastOffset >= syncFrom,
    sync: (endOffset: number, done: (error: Error | null) => void) => {
      calls.push(`sync to ${endOffset}`);
      finishSync.push(done);
    },
  };
  queue = new AppendQueue(clock, owner);
});

function segmentNamed(name: string): Segment {
  const handle: Partial<FileHandle> = {
    writeSync: (chunks, position) => {
      calls.push(`sync ${name} ${chunks.length}@${position}`);
      nowMs += slowSync;
    },
    write: (chunks, position, done) => {
      calls.push(`async ${name} ${chunks.length}@${position}`);
      finish.push(done);
    },
  };
  return { log: { handle: () => handle } } as unknown as Segment;
}
const active = segmentNamed('active');
const next = segmentNamed('next');

let position = 0;
let offset = 0;
function push(batchBytes = 100, segment = active, bytes = Buffer.alloc(0)): void {
  queue.push({
    segment,
    position,
    baseOffset: offset,
    batchBytes,
    bytes,
    lastOffset: offset++,
    maxTimestamp: 0,
    producerBefore: null,
    done: () => {},
  });
  position += batchBytes;
}
beforeEach(() => {
  position = 0;
  offset = 0;
});

describe('the write policy', () => {
  test('small and idle: one synchronous write at the end of the turn', () => {
    push();
    push();
    push();
    expect(calls).toEqual([]);
    turn();
    expect(calls).toEqual(['sync active 3@0']);
    expect(outcome).toEqual(['written 3']);
  });

  test('what lies in one piece is written as one, whatever lies beside it', () => {
    const fetched = Buffer.alloc(300);
    push();
    for (const at of [0, 100, 200]) push(100, active, fetched.subarray(at, at + 100));
    push(100, active, fetched.subarray(0, 100)); // the same bytes, but not behind the last ones
    turn();
    expect(calls).toEqual(['sync active 3@0']);
    expect(outcome).toEqual(['written 5']);
  });

  test('more than 128 KiB leaves through the thread pool', () => {
    push(128 * 1024);
    turn();
    push(128 * 1024 + 1);
    turn();
    expect(calls).toEqual(['sync active 1@0', 'async active 1@131072']);
  });

  test('while a write is in flight the rest gathers, and leaves in one', () => {
    push(200_000);
    turn();
    push();
    push();
    turn();
    expect(calls).toEqual(['async active 1@0']);
    finish[0]!(null);
    expect(calls).toEqual(['async active 1@0', 'sync active 2@200000']);
    expect(outcome).toEqual(['written 1', 'written 2']);
  });

  test('after a slow synchronous write the next one does not hold the loop up; a quick one brings it back', () => {
    slowSync = 6;
    push();
    turn();
    push();
    turn();
    finish[0]!(null);
    slowSync = 0;
    push();
    turn();
    expect(calls).toEqual(['sync active 1@0', 'async active 1@100', 'sync active 1@200']);
  });

  test('one write holds at most 1,024 batches and about 16 MiB, and goes to one segment', () => {
    for (let i = 0; i < 1030; i++) push(10);
    turn();
    finish[0]!(null);
    for (let i = 0; i < 3; i++) push(7 * 2 ** 20);
    push(10, next);
    turn();
    finish[1]!(null);
    finish[2]!(null);
    const large = 10_300 + 7 * 2 ** 20;
    expect(calls).toEqual([
      'async active 1024@0',
      'sync active 6@10240',
      'async active 2@10300',
      `async active 1@${large + 7 * 2 ** 20}`,
      `sync next 1@${large + 14 * 2 ** 20}`,
    ]);
  });

  test('a run ends where the segment ends', () => {
    push();
    push(100, next);
    turn();
    finish[0]!(null);
    expect(calls).toEqual(['async active 1@0', 'sync next 1@100']);
  });
});

describe('writes that must be synced', () => {
  test('finish after the sync; what is written meanwhile is covered by the next one, in one go', () => {
    syncFrom = 0;
    push();
    turn();
    for (let i = 0; i < 3; i++) {
      push();
      turn();
    }
    expect(calls.filter((call) => call.startsWith('sync to'))).toEqual(['sync to 1']);
    expect([outcome, queue.queuedWrites]).toEqual([[], 4]);
    finishSync[0]!(null);
    expect([outcome, calls.at(-1)]).toEqual([['written 1'], 'sync to 4']);
    finishSync[1]!(null);
    expect([outcome, queue.queuedWrites, queue.queuedBytes]).toEqual([['written 1', 'written 3'], 0, 0]);
  });

  test('those that need none wait only behind those that do', () => {
    syncFrom = 1;
    push();
    turn();
    push();
    turn();
    expect([outcome, calls.at(-1)]).toEqual([['written 1'], 'sync to 2']);
  });

  test('a write that fails behind them does not take them with it', () => {
    syncFrom = 0;
    push();
    turn();
    push(200_000);
    turn();
    finish[0]!(new Error('ENOSPC'));
    expect([outcome, queue.lastStarted?.lastOffset]).toEqual([['failed 1'], 0]);
    finishSync[0]!(null);
    expect(outcome).toEqual(['failed 1', 'written 1']);
  });
});

describe('failures', () => {
  test('a failed write takes all that waits behind it with it', () => {
    push(200_000);
    turn();
    push();
    finish[0]!(new Error('EIO'));
    expect(outcome).toEqual(['failed 2']);
    expect([queue.queuedBytes, queue.queuedWrites]).toEqual([0, 0]);
  });
});

describe('bounds', () => {
  test('congested from 1,024 writes or 16 MiB on; refused from 65,536 writes or 256 MiB on', () => {
    for (let i = 0; i < CONGESTED_WRITES - 1; i++) push(1);
    expect(queue.congested).toBe(false);
    push(1);
    expect(queue.congested).toBe(true);
    for (let i = CONGESTED_WRITES; i < MAX_QUEUED_WRITES; i++) {
      expect(queue.hasRoomFor(1)).toBe(true);
      push(1);
    }
    expect(queue.hasRoomFor(1)).toBe(false);
    queue.takeWaiting();
    expect(queue.hasRoomFor(2 ** 29)).toBe(true); // a single batch always goes
    push(2 ** 28 - 1);
    expect([queue.congested, queue.hasRoomFor(1), queue.hasRoomFor(2)]).toEqual([true, true, false]);
  });
});

describe('whenIdle', () => {
  test('waits for what is queued and in flight, and for nothing else', () => {
    let idle = 0;
    queue.whenIdle(() => idle++);
    expect(idle).toBe(1);
    push(200_000);
    queue.whenIdle(() => idle++);
    turn();
    push();
    finish[0]!(null);
    expect([idle, queue.queuedWrites]).toEqual([2, 0]);
  });

  test('is told when what waited was taken away', () => {
    let idle = 0;
    push();
    queue.whenIdle(() => idle++);
    expect(queue.takeWaiting().length).toBe(1);
    turn();
    expect([idle, calls.length]).toEqual([1, 0]);
  });
});
