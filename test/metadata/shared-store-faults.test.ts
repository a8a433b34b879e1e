import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { realClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { openSqlite } from '../../src/core/sqlite.ts';
import { openSharedStore } from '../../src/metadata/shared-store.ts';
import { InDoubtError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { eventually } from '../support/eventually.ts';
import { bytes, take, text } from './store-conformance.ts';

const driver = vi.hoisted(() => ({ real: '' }));
vi.mock('../../src/core/sqlite.ts', async (importActual) => {
  const actual = await importActual<typeof import('../../src/core/sqlite.ts')>();
  driver.real = actual.sqliteDriverModule();
  return { ...actual, sqliteDriverModule: () => fileURLToPath(new URL('faulty-sqlite.cjs', import.meta.url)) };
});

let folder: string;
let path: string;
let store: MetadataStore;
let warnings: string[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-faults-'));
  path = join(folder, 'metadata.db');
  writeFileSync(`${path}.driver`, driver.real);
  warnings = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
  // No looking, so that a fault meets the transaction that it is for.
  store = await openSharedStore(path, { clock: realClock, logger, tickMs: 3_600_000, busyTimeoutMs: 200 });
});
afterEach(async () => {
  rmSync(`${path}.fault`, { force: true });
  await store.close();
  rmSync(folder, { recursive: true });
});

const fault = (line: string) => writeFileSync(`${path}.fault`, line);
const never = new AbortController().signal;
const put = (value: string, timeoutMs = 10_000) => store.txn([], [{ put: '/a', value: bytes(value) }], { timeoutMs });
const stored = async () => text((await store.get('/a')).kv?.value);

test('a transaction whose thread dies before the commit is in doubt, and the next goes to a new thread', async () => {
  await put('1');
  fault('before COMMIT die');
  await expect(put('2')).rejects.toThrow(InDoubtError);
  expect(await stored()).toBe('1');
  expect(await put('3')).toEqual({ ok: true, rev: 2 });
  expect(warnings).toEqual([expect.stringContaining('thread ended, and is begun again')]);
});

test('a transaction whose thread dies after the commit is in doubt, and done', async () => {
  fault('after COMMIT die');
  await expect(put('1')).rejects.toThrow(InDoubtError);
  expect(await stored()).toBe('1');
});

test('what the dead thread had not come to was certainly not done', async () => {
  fault('before COMMIT die');
  const all = await Promise.allSettled([put('1'), put('2'), store.get('/a')]);
  expect(all.map((one) => one.status === 'rejected' && one.reason.name)).toEqual(['InDoubtError', 'UnavailableError', 'UnavailableError']);
  expect(await stored()).toBeUndefined();
});

test('watches and leases outlive the thread', async () => {
  const watched = take(store.watch('', 1, never), 2);
  const lease = await store.grantLease(600);
  await store.txn([], [{ put: '/live', value: bytes('x'), lease: lease.id }]);
  fault('before COMMIT die');
  await expect(put('1')).rejects.toThrow(InDoubtError);
  await sleep(1_000);
  expect(lease.lost.aborted).toBe(false);
  expect(lease.validUntil()).toBeGreaterThan(realClock.monotonicMs());
  await put('2');
  expect(await watched).toEqual(['1 put /live=x', '2 put /a=2']);
});

test('after its time a transaction that has begun is in doubt, and one that has not is taken back', async () => {
  fault('before COMMIT wait');
  const begun = put('begun', 50);
  const waiting = put('waiting', 50);
  const reading = store.get('/b');
  await expect(begun).rejects.toThrow(InDoubtError);
  await expect(waiting).rejects.toThrow(UnavailableError);
  rmSync(`${path}.fault`);
  await reading;
  expect(await store.get('/a')).toMatchObject({ rev: 1, kv: { value: new Uint8Array(bytes('begun')) } });
});

test('a commit on a full disk is certainly not done; one that fails otherwise is in doubt', async () => {
  fault('before COMMIT 13');
  await expect(put('1')).rejects.toThrow(UnavailableError);
  expect(await put('2')).toEqual({ ok: true, rev: 1 });
  fault('after COMMIT 778'); // SQLITE_IOERR_WRITE
  await expect(put('3')).rejects.toThrow(InDoubtError);
  expect(await stored()).toBe('3');
});

test('a lock that another process does not give back is told, and changes nothing', async () => {
  const other = openSqlite(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(put('1')).rejects.toThrow(UnavailableError);
  await expect(put('1')).rejects.toThrow(/database is locked/);
  expect(await stored()).toBeUndefined(); // reading goes on
  expect(warnings).toEqual([expect.stringMatching(process.platform === 'linux' ? `^process ${process.pid} keeps` : /^process .* keeps/)]);
  other.exec('ROLLBACK');
  other.close();
  expect(await put('2')).toEqual({ ok: true, rev: 1 });
});

test('who opens the store waits for a lock that another process gives back late', async () => {
  const lease = await store.grantLease(60_000);
  await store.txn([], [{ put: '/leased', value: bytes('x'), lease: lease.id }]);
  const other = openSqlite(path);
  other.exec('DELETE FROM lease'); // so that there is something to write at once
  other.exec('BEGIN IMMEDIATE');
  const opening = openSharedStore(path, { clock: realClock, logger: silentLogger, tickMs: 3_600_000, busyTimeoutMs: 50 });
  const early = await Promise.race([opening.then(() => 'open'), new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
  expect(early).toBe('waits');
  other.exec('ROLLBACK');
  other.close();
  const second = await opening;
  expect(await second.get('/leased')).not.toHaveProperty('kv');
  await second.close();
});

test('a lease that cannot be renewed for long is lost, without a word from the store', async () => {
  const lease = await store.grantLease(600);
  const other = openSqlite(path);
  other.exec('BEGIN IMMEDIATE');
  const granted = realClock.monotonicMs();
  await new Promise((resolve) => lease.lost.addEventListener('abort', resolve));
  expect(realClock.monotonicMs() - granted).toBeLessThan(1_000);
  other.exec('ROLLBACK');
  other.close();
  await eventually(async () => expect(await store.grantLease(600)).toBeDefined());
});

test('4,096 requests may wait, one more is refused', async () => {
  fault('before COMMIT wait');
  const waiting = [put('first'), ...Array.from({ length: 4_095 }, () => store.get('/a'))];
  await expect(store.get('/a')).rejects.toThrow(/more than 4096/);
  rmSync(`${path}.fault`);
  await Promise.all(waiting);
  expect(await stored()).toBe('first');
});

test('closing waits for what was asked, and refuses what comes after', async () => {
  fault('before COMMIT wait');
  const last = put('last');
  const closing = store.close();
  await expect(put('late')).rejects.toThrow(UnavailableError);
  await sleep(50);
  rmSync(`${path}.fault`);
  expect(await last).toEqual({ ok: true, rev: 1 });
  await closing;
});
