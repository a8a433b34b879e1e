import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { EmbeddedStoreOptions } from '../../src/metadata/embedded-store.ts';
import { type Batch, CompactedError, LeaseLostError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';

/** A fake clock on which a process can be paused: time goes on, its timers fire late, when it is resumed. */
export interface StoppableClock extends FakeClock {
  pause(): void;
  resume(): Promise<void>;
}

/** Time moves in steps at most so long for a store that answers from another thread: shorter than a third of any lease here. */
const STEP_MS = 500;

/** @param quiet resolves when all that was asked of the store is answered */
export function stoppableClock(quiet?: () => Promise<unknown>): StoppableClock {
  const clock = fakeClock();
  const settle = async () => {
    await clock.settle();
    await quiet?.();
    if (quiet) await clock.settle();
  };
  let paused = false;
  const late: (() => void)[] = [];
  const after: Clock['after'] = (ms, fire) => clock.after(ms, () => (paused ? void late.push(fire) : fire()));
  return {
    ...clock,
    after,
    settle,
    advance: async (ms) => {
      if (!quiet) return clock.advance(ms);
      for (let left = ms; left > 0; left -= STEP_MS) {
        await clock.advance(Math.min(left, STEP_MS));
        await settle();
      }
    },
    pause: () => {
      paused = true;
    },
    resume: async () => {
      paused = false;
      for (const fire of late.splice(0)) fire();
      await settle();
    },
  };
}

export const bytes = (text: string) => Buffer.from(text);
export const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();
const put = (key: string, value = key) => ({ put: key, value: bytes(value) });

/** The next `count` batches of a watch as lines: `3 put /a=1 del /b`. */
export async function take(watch: AsyncIterable<Batch>, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (count === 0) return lines;
  for await (const { rev, changes } of watch) {
    lines.push([rev, ...changes.map((c) => (c.type === 'put' ? `put ${c.key}=${text(c.value)}` : `del ${c.key}`))].join(' '));
    if (lines.length === count) break;
  }
  return lines;
}

/**
 * The rules of MetadataStore that every engine keeps.
 * @param answersLater the engine is in another thread
 */
export function storeConformance(
  open: (options: EmbeddedStoreOptions) => MetadataStore | Promise<MetadataStore>,
  { answersLater = false } = {},
): void {
  let clock: StoppableClock;
  let store: MetadataStore;
  const never = new AbortController().signal;

  beforeEach(async () => {
    clock = stoppableClock(answersLater ? () => store.get('/').catch(() => {}) : undefined);
    store = await open({ clock, keepRevisions: 20 });
  });
  afterEach(async () => {
    await store.close();
    expect(clock.pending()).toBe(0);
  });
  const stateOf = async (key: string) => {
    const { kv } = await store.get(key);
    return kv && `${text(kv.value)} @${kv.rev}`;
  };

  test('a key is created only while it is absent', async () => {
    expect(await store.txn([{ key: '/a', rev: 0 }], [put('/a', 'first')])).toEqual({ ok: true, rev: 1 });
    expect(await store.txn([{ key: '/a', rev: 0 }], [put('/a', 'second')])).toEqual({ ok: false, rev: 1 });
    expect(await stateOf('/a')).toBe('first @1');
  });

  test('a write is conditional on the revision of the key, and of all keys named, at once', async () => {
    await store.txn([], [put('/a')]);
    await store.txn([], [put('/fence')]);
    await store.txn([], [put('/fence', 'new controller')]);
    const zombie = await store.txn(
      [
        { key: '/a', rev: 1 },
        { key: '/fence', rev: 2 },
      ],
      [put('/a', 'zombie'), put('/b', 'zombie')],
    );
    expect(zombie).toEqual({ ok: false, rev: 3 });
    expect(await stateOf('/a')).toBe('/a @1');
    expect(await stateOf('/b')).toBeUndefined();
    const fenced = [
      { key: '/a', rev: 1 },
      { key: '/fence', rev: 3 },
    ];
    expect(await store.txn(fenced, [put('/a', 'next')])).toEqual({ ok: true, rev: 4 });
    expect(await store.txn(fenced, [put('/a', 'again')])).toMatchObject({ ok: false });
  });

  test('a transaction is one revision, whatever it holds, and one that changes nothing is none', async () => {
    expect(await store.txn([], [put('/a'), put('/b'), { del: '/c' }])).toEqual({ ok: true, rev: 1 });
    expect(await store.txn([], [{ del: '/c' }])).toEqual({ ok: true, rev: 1 });
    expect(await store.txn([{ key: '/a', rev: 1 }], [])).toEqual({ ok: true, rev: 1 });
    expect(await store.txn([], [{ del: '/a' }, put('/b', '2')])).toEqual({ ok: true, rev: 2 });
    expect(await store.get('/a')).toEqual({ rev: 2 });
    expect(await stateOf('/b')).toBe('2 @2');
  });

  test('a deleted key counts as absent, and the next one of its name has a new revision', async () => {
    await store.txn([], [put('/a')]);
    await store.txn([{ key: '/a', rev: 1 }], [{ del: '/a' }]);
    expect(await store.txn([{ key: '/a', rev: 0 }], [put('/a')])).toEqual({ ok: true, rev: 3 });
  });

  test('a key may stand in the operations of a transaction only once', async () => {
    await expect(store.txn([], [put('/a'), { del: '/a' }])).rejects.toThrow(RangeError);
    expect((await store.get('/a')).rev).toBe(0);
  });

  test('100 operations and 128 conditions fit in a transaction, one more is refused', async () => {
    const ops = Array.from({ length: 101 }, (_, i) => put(`/k/${i}`));
    const conds = Array.from({ length: 129 }, (_, i) => ({ key: `/c/${i}`, rev: 0 }));
    await expect(store.txn([], ops)).rejects.toThrow(RangeError);
    await expect(store.txn(conds, [put('/a')])).rejects.toThrow(RangeError);
    expect(await store.txn(conds.slice(0, 128), ops.slice(0, 100))).toEqual({ ok: true, rev: 1 });
    expect([store.maxOps, store.maxBytes]).toEqual([100, 1024 * 1024]);
  });

  test('64 KiB fit in a value and 1 MiB in a transaction, one byte more is refused', async () => {
    const full = (key: string, length = 65_536) => ({ put: key, value: new Uint8Array(length) });
    await expect(store.txn([], [full('/a', 65_537)])).rejects.toThrow(RangeError);
    const keys = Array.from({ length: 15 }, (_, i) => `/${String.fromCharCode(97 + i)}`); // 15 x (2 + 65,536) bytes
    const ops = keys.map((key) => full(key));
    await expect(store.txn([], [...ops, full('/z', 65_536 - 32 + 1)])).rejects.toThrow(RangeError);
    expect(await store.txn([], [...ops, full('/z', 65_536 - 32)])).toEqual({ ok: true, rev: 1 });
  });

  test('keys are UTF-8 without NUL, and values any bytes', async () => {
    for (const key of ['', '/a\0b', '/\ud800']) {
      await expect(store.txn([], [put(key)])).rejects.toThrow(RangeError);
      await expect(store.txn([{ key, rev: 0 }], [])).rejects.toThrow(RangeError);
    }
    await store.txn(
      [],
      [
        { put: '/ü/😀', value: new Uint8Array([0, 255, 128]) },
        { put: '/empty', value: new Uint8Array(0) },
      ],
    );
    expect([...(await store.get('/ü/😀')).kv!.value]).toEqual([0, 255, 128]);
    expect((await store.get('/empty')).kv!.value.byteLength).toBe(0);
    expect((await store.range('/ü')).kvs.map((kv) => kv.key)).toEqual(['/ü/😀']);
  });

  test('what the caller does with its buffer after a put changes nothing', async () => {
    const value = bytes('right');
    await store.txn([], [{ put: '/a', value }]);
    value.write('wrong');
    expect(await stateOf('/a')).toBe('right @1');
    expect(await take(store.watch('', 1, never), 1)).toEqual(['1 put /a=right']);
  });

  test('a range holds all keys with the prefix and no other, ascending', async () => {
    await store.txn(
      [],
      ['/p/b', '/p', '/p/', '/p/a', '/p0', '/o/z', '/p/a/1', '/p/\u{10ffff}', '/p/ä'].map((key) => put(key)),
    );
    const { kvs, rev } = await store.range('/p/');
    expect(kvs.map((kv) => kv.key)).toEqual(['/p/', '/p/a', '/p/a/1', '/p/b', '/p/ä', '/p/\u{10ffff}']);
    expect(rev).toBe(1);
    expect(kvs.every((kv) => kv.rev === 1)).toBe(true);
    expect((await store.range('')).kvs).toHaveLength(9);
    expect((await store.range('/q')).kvs).toEqual([]);
  });

  test('a watch replays from its revision and goes on live, in order, each transaction whole and only under the prefix', async () => {
    await store.txn([], [put('/w/a', '1')]);
    await store.txn([], [put('/w/a', '2'), put('/other'), put('/w/b', '2')]);
    await store.txn([], [put('/other')]);
    const watched = take(store.watch('/w/', 2, never), 3);
    await store.txn([], [{ del: '/w/b' }, put('/w/a', '4')]);
    await clock.settle();
    await store.txn([], [put('/w/c', '5')]);
    expect(await watched).toEqual(['2 put /w/a=2 put /w/b=2', '4 del /w/b put /w/a=4', '5 put /w/c=5']);
  });

  test('a watch from a revision to come waits for it', async () => {
    const watched = take(store.watch('', 3, never), 1);
    for (const value of ['1', '2', '3']) {
      await store.txn([], [put('/a', value)]);
      await clock.settle();
    }
    expect(await watched).toEqual(['3 put /a=3']);
  });

  test('a slow watch misses nothing, however many revisions pass while it is busy', async () => {
    await store.close();
    store = await open({ clock, keepRevisions: 1_000 });
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { rev } of store.watch('', 1, never)) {
        seen.push(rev);
        if (rev % 7 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        if (rev === 500) break;
      }
    })();
    for (let i = 0; i < 500; i++) await store.txn([], [put(`/k/${i % 3}`, String(i))]);
    await watching;
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  test('compaction forgets the history before a revision and no key; a watch from there is told the oldest revision left', async () => {
    for (const value of ['1', '2', '3', '4']) await store.txn([], [put('/a', value), put(`/${value}`)]);
    await store.compact(3);
    await expect(take(store.watch('', 2, never), 1)).rejects.toThrow(new CompactedError(3));
    await expect(take(store.watch('', 2, never), 1)).rejects.toMatchObject({ compactRev: 3 });
    expect(await take(store.watch('/a', 3, never), 2)).toEqual(['3 put /a=3', '4 put /a=4']);
    expect((await store.range('')).kvs).toHaveLength(5);
    expect((await store.range('')).rev).toBe(4);
  });

  test('compaction never goes back, and reaches at most behind the newest revision', async () => {
    for (const value of ['1', '2', '3']) await store.txn([], [put('/a', value)]);
    await store.compact(99);
    await store.compact(1);
    await expect(take(store.watch('', 3, never), 1)).rejects.toMatchObject({ compactRev: 4 });
    const live = take(store.watch('', 4, never), 1);
    expect(await store.txn([], [put('/a', '4')])).toEqual({ ok: true, rev: 4 });
    expect(await live).toEqual(['4 put /a=4']);
  });

  test('the log keeps at least the revisions asked for and is bounded; a watch too far behind has to range again', async () => {
    const watch = store.watch('', 1, never)[Symbol.asyncIterator]();
    await store.txn([], [put('/a', '0')]);
    expect((await watch.next()).value).toMatchObject({ rev: 1 });
    for (let i = 2; i <= 100; i++) await store.txn([], [put('/a', String(i))]);
    await expect(watch.next()).rejects.toBeInstanceOf(CompactedError);
    expect(await take(store.watch('', 81, never), 20)).toHaveLength(20);
    await expect(take(store.watch('', 100 - 22, never), 1)).rejects.toBeInstanceOf(CompactedError);
  });

  test('aborting ends a watch, also one that waits', async () => {
    const stop = new AbortController();
    const waiting = take(store.watch('', 1, stop.signal), 1);
    await clock.settle();
    stop.abort();
    expect(await waiting).toEqual([]);
    await store.txn([], [put('/a')]);
    expect(await take(store.watch('', 1, stop.signal), 1)).toEqual([]);
  });

  test('closing ends watches and leases, and refuses everything after', async () => {
    const waiting = take(store.watch('', 1, never), 1);
    const lease = await store.grantLease(9_000);
    await clock.settle();
    await store.close();
    await store.close();
    expect(await waiting).toEqual([]);
    expect(lease.lost.aborted).toBe(true);
    expect(lease.validUntil()).toBeLessThan(clock.monotonicMs());
    await expect(store.get('/a')).rejects.toThrow(UnavailableError);
    await expect(store.range('')).rejects.toThrow(UnavailableError);
    await expect(store.txn([], [put('/a')])).rejects.toThrow(UnavailableError);
    await expect(store.grantLease(1)).rejects.toThrow(UnavailableError);
    expect(await take(store.watch('', 1, never), 1)).toEqual([]);
  });

  test('a lease is renewed as long as its process runs, without making revisions', async () => {
    const lease = await store.grantLease(9_000);
    expect(lease.validUntil()).toBe(9_000);
    await store.txn([], [{ ...put('/live'), lease: lease.id }]);
    expect((await store.get('/live')).kv).toMatchObject({ rev: 1, lease: lease.id });
    await clock.advance(60_000);
    expect(lease.lost.aborted).toBe(false);
    expect(lease.validUntil()).toBeGreaterThan(clock.monotonicMs() + 9_000 / 2);
    expect((await store.get('/live')).rev).toBe(1);
  });

  test('a process paused beyond the ttl has lost its lease when it resumes, and the keys go in one revision', async () => {
    const lease = await store.grantLease(9_000);
    const other = await store.grantLease(60_000);
    await store.txn(
      [],
      [
        { ...put('/live/1'), lease: lease.id },
        { ...put('/role'), lease: lease.id },
      ],
    );
    await store.txn([], [{ ...put('/live/2'), lease: other.id }, put('/role')]); // /role is nobody's any more
    const watched = take(store.watch('', 3, never), 1);
    clock.pause();
    await clock.advance(9_000);
    expect(lease.validUntil()).toBeLessThanOrEqual(clock.monotonicMs());
    await clock.resume();
    expect(lease.lost.aborted).toBe(true);
    expect(await watched).toEqual(['3 del /live/1']);
    expect((await store.range('')).kvs.map((kv) => kv.key)).toEqual(['/live/2', '/role']);
    await clock.advance(100_000);
    expect(other.lost.aborted).toBe(false);
  });

  test('a pause shorter than the ttl costs nothing', async () => {
    const lease = await store.grantLease(9_000);
    await store.txn([], [{ ...put('/live'), lease: lease.id }]);
    clock.pause();
    await clock.advance(8_999);
    await clock.resume();
    expect(lease.lost.aborted).toBe(false);
    expect(lease.validUntil()).toBe(8_999 + 9_000);
    expect(await stateOf('/live')).toBe('/live @1');
  });

  test('a put under a dead lease is refused, also before the timer of a resumed process has fired', async () => {
    const lease = await store.grantLease(9_000);
    await store.txn([], [{ ...put('/live'), lease: lease.id }]);
    clock.pause();
    await clock.advance(9_000);
    await expect(store.txn([], [{ ...put('/live', 'zombie'), lease: lease.id }, put('/b')])).rejects.toThrow(LeaseLostError);
    expect(lease.lost.aborted).toBe(true);
    expect((await store.range('')).kvs).toEqual([]);
    await clock.resume();
    await expect(store.txn([], [{ ...put('/a'), lease: 'never granted' }])).rejects.toThrow(UnavailableError);
    expect((await store.get('/b')).rev).toBe(2);
  });

  test('revoking a lease removes its keys at once', async () => {
    const lease = await store.grantLease(9_000);
    await store.txn([], [{ ...put('/live'), lease: lease.id }]);
    await lease.revoke();
    await lease.revoke();
    expect(await store.get('/live')).toEqual({ rev: 2 });
    expect(lease.lost.aborted).toBe(true);
    await expect(store.txn([], [{ ...put('/live'), lease: lease.id }])).rejects.toThrow(LeaseLostError);
  });

  test('1,000 leases may be held, one more is refused until one has ended', async () => {
    const leases = [];
    for (let i = 0; i < 1_000; i++) leases.push(await store.grantLease(9_000));
    await expect(store.grantLease(9_000)).rejects.toThrow(UnavailableError);
    await leases[0]!.revoke();
    await expect(store.grantLease(9_000)).resolves.toBeDefined();
    await expect(store.grantLease(0)).rejects.toThrow(RangeError);
  });
}
