import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { openSqlite } from '../../src/core/sqlite.ts';
import { openSharedStore, type SharedStoreOptions } from '../../src/metadata/shared-store.ts';
import { openSqliteStore } from '../../src/metadata/sqlite-store.ts';
import { type CompactedError, type Lease, LeaseLostError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { bytes, type StoppableClock, stoppableClock, storeConformance, take, text } from './store-conformance.ts';

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

/** A machine, and processes on it that can be stopped each by itself. */
function machines() {
  let nowMs = 1_000_000;
  const machine = { monotonicMs: () => nowMs, bootId: 'boot' };
  const opened: { store: MetadataStore; clock: StoppableClock }[] = [];
  const open = async (options: Partial<SharedStoreOptions> = {}) => {
    const clock = stoppableClock(() => store.get('/').catch(() => {}));
    const store = await openSharedStore(path(), { clock, machine, logger: silentLogger, ...options });
    opened.push({ store, clock });
    return { store, clock };
  };
  /** Time goes on for all of them; those that are paused do not notice. */
  const advance = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) {
      nowMs += Math.min(left, 50);
      for (const { clock } of opened) await clock.advance(Math.min(left, 50));
    }
  };
  const close = async () => {
    for (const { store } of opened) await store.close();
    for (const { clock } of opened) expect(clock.pending()).toBe(0);
  };
  return { open, advance, close, machine };
}
const path = () => join(folder, 'metadata.db');
const leased = (key: string, lease: Lease) => [{ put: key, value: bytes(key), lease: lease.id }];
const keysOf = async (store: MetadataStore) => (await store.range('')).kvs.map(({ key }) => key);
const never = new AbortController().signal;

describe('several processes', () => {
  let all: ReturnType<typeof machines>;
  beforeEach(() => {
    all = machines();
  });
  afterEach(() => all.close());

  test('see what the others commit, whole and in order, and are held to the same conditions', async () => {
    const a = await all.open();
    const b = await all.open();
    const watched = take(b.store.watch('', 1, never), 3);
    await a.store.txn([], [{ put: '/a', value: bytes('1') }]);
    expect(await b.store.txn([{ key: '/a', rev: 0 }], [{ put: '/a', value: bytes('2') }])).toEqual({ ok: false, rev: 1 });
    expect(await b.store.txn([{ key: '/a', rev: 1 }], [{ put: '/a', value: bytes('2') }])).toEqual({ ok: true, rev: 2 });
    expect(text((await a.store.get('/a')).kv?.value)).toBe('2');
    await a.store.txn([], [{ del: '/a' }, { put: '/b', value: bytes('3') }]);
    await all.advance(200);
    expect(await watched).toEqual(['1 put /a=1', '2 put /a=2', '3 del /a put /b=3']);
  });

  test('a lease that its process renews no more is ended by another, a tenth of its time after its holder stopped to count on it', async () => {
    const a = await all.open();
    const b = await all.open();
    const lease = await a.store.grantLease(1_000);
    await a.store.txn([], leased('/live/a', lease));
    a.clock.pause();
    expect(lease.validUntil()).toBe(1_000);
    await all.advance(1_050);
    expect(a.clock.monotonicMs()).toBeGreaterThan(lease.validUntil());
    expect(await keysOf(b.store)).toEqual(['/live/a']);
    await all.advance(250);
    expect(await keysOf(b.store)).toEqual([]);
    await a.clock.resume();
    expect(lease.lost.aborted).toBe(true);
    await expect(b.store.txn([], leased('/zombie', lease))).rejects.toThrow(LeaseLostError);
  });

  test('a key may be put under the lease of another process, as long as it stands', async () => {
    const a = await all.open();
    const b = await all.open();
    const lease = await a.store.grantLease(1_000);
    expect(await b.store.txn([], leased('/by/b', lease))).toEqual({ ok: true, rev: 1 });
    await lease.revoke();
    expect(await keysOf(b.store)).toEqual([]);
    await expect(b.store.txn([], leased('/by/b', lease))).rejects.toThrow(LeaseLostError);
  });

  test('a process that stood still for long does not end the leases of the others when it comes back: they stood still, too', async () => {
    const a = await all.open();
    const b = await all.open();
    const lease = await b.store.grantLease(1_000);
    await b.store.txn([], leased('/live/b', lease));
    a.clock.pause();
    b.clock.pause();
    await all.advance(5_000);
    await a.clock.resume();
    await all.advance(900);
    expect(await keysOf(a.store)).toEqual(['/live/b']);
    await all.advance(400); // b is truly gone
    expect(await keysOf(a.store)).toEqual([]);
  });

  test('a lease lost to others ends at its holder when it next renews', async () => {
    const a = await all.open();
    const lease = await a.store.grantLease(9_000);
    await a.store.txn([], leased('/live/a', lease));
    const database = openSqlite(path());
    database.exec('DELETE FROM lease');
    database.close();
    await all.advance(3_100);
    expect(lease.lost.aborted).toBe(true);
    expect(lease.validUntil()).toBeLessThan(0);
    expect(await keysOf(a.store)).toEqual([]);
  });

  test('leases and keys of another boot are gone, also where boots have no names', async () => {
    for (const bootId of ['', 'another boot']) {
      const before = await openSharedStore(path(), {
        clock: fakeClock(),
        machine: { monotonicMs: () => 50_000_000, bootId },
        logger: silentLogger,
      });
      const lease = await before.grantLease(9_000);
      await before.txn([], leased('/live/a', lease));
      await before.close();
      const { store } = await all.open(bootId ? {} : { machine: { ...all.machine, bootId } });
      expect(await keysOf(store)).toEqual([]);
    }
  });

  test('a store of one process can be shared: keys under its leases are gone, the rest and the history stay', async () => {
    const alone = openSqliteStore(path(), { clock: fakeClock() });
    await alone.txn([], [...leased('/live/1', await alone.grantLease(9_000)), { put: '/known/1', value: bytes('x') }]);
    await alone.close();
    const a = await all.open();
    const lease = await a.store.grantLease(9_000);
    await a.store.txn([], leased('/live/2', lease));
    const b = await all.open();
    expect(await keysOf(b.store)).toEqual(['/known/1', '/live/2']);
    expect(await take(b.store.watch('/live', 1, never), 3)).toEqual(['1 put /live/1=/live/1', '2 del /live/1', '3 put /live/2=/live/2']);
  });

  test('the log keeps what is younger than the time asked for, unless it is ten times too long', async () => {
    const a = await all.open({ keepRevisions: 10, keepMs: 60_000, tickMs: 5_000 });
    const put = async (times: number) => {
      for (let i = 0; i < times; i++) await a.store.txn([], [{ put: '/a', value: bytes(String(i)) }]);
    };
    const oldest = () =>
      take(a.store.watch('', 1, never), 1).then(
        () => 1,
        (error: CompactedError) => error.compactRev,
      );
    await put(50);
    expect(await oldest()).toBe(1);
    await put(51);
    expect(await oldest()).toBe(6);
    await put(29); // 130
    for (let i = 0; i < 14; i++) await all.advance(5_000);
    await put(30);
    await all.advance(5_000);
    await a.store.get('/');
    expect(await oldest()).toBe(130); // what stood a minute ago
  });

  test('a store whose file was removed or replaced is not used any more: others would write into another one', async () => {
    const a = await all.open();
    const lease = await a.store.grantLease(9_000);
    rmSync(path());
    await all.advance(200);
    await expect(a.store.txn([], [{ put: '/a', value: bytes('1') }])).rejects.toThrow(/was removed or replaced/);
    const b = await all.open();
    await b.store.txn([], [{ put: '/b', value: bytes('1') }]);
    await expect(a.store.get('/b')).rejects.toThrow(UnavailableError);
    await all.advance(9_000);
    expect(lease.lost.aborted).toBe(true);
  });

  test('a watch that is behind by more than a piece of the log gets all of it', async () => {
    const a = await all.open();
    const full = Array.from({ length: 15 }, (_, i) => ({ put: `/${i}`, value: new Uint8Array(65_536) })); // 0.98 MB a revision
    for (let i = 0; i < 10; i++) await a.store.txn([], full);
    for (let i = 0; i < 90; i++) await a.store.txn([], [{ put: '/small', value: bytes(String(i)) }]);
    const seen: number[] = [];
    for await (const { rev, changes } of a.store.watch('', 1, never)) {
      seen.push(rev);
      expect(changes).toHaveLength(rev <= 10 ? 15 : 1);
      if (rev === 100) break;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('a renewal counts from when it was sent', async () => {
    let nowMs = 0;
    const clock = { ...fakeClock(), monotonicMs: () => nowMs };
    const store = await openSharedStore(path(), { clock, logger: silentLogger });
    const granting = store.grantLease(9_000);
    nowMs = 1_000; // the answer is on its way
    expect((await granting).validUntil()).toBe(9_000);
    await store.close();
  });
});
