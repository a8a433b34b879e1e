import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openSqlite } from '../../src/core/sqlite.ts';
import { storePath } from '../../src/supervisor/cluster-file.ts';
import type { TestBroker } from '../../src/testing.ts';
import { Scenario } from './scenario.ts';

const TIMEOUT_MS = 180_000;

/** Copies a stopped broker's disk, has it run on for a while, and leaves it dead with the copy in place of what it had. */
async function killOnOlderCopy(scenario: Scenario, broker: TestBroker): Promise<void> {
  const copy = `${broker.data}.copy`;
  await broker.stop();
  cpSync(broker.data!, copy, { recursive: true });
  await broker.start();
  await scenario.inSync();
  await scenario.between(500, 1_000);
  await broker.kill();
  rmSync(broker.data!, { recursive: true });
  renameSync(copy, broker.data!);
}

test('all brokers killed at once come back with all that was acknowledged', { timeout: TIMEOUT_MS }, async () => {
  const scenario = await Scenario.start();
  for (let round = 1; round <= 3; round++) {
    await scenario.between(500, 1_500);
    await Promise.all(scenario.cluster.brokers.map((broker) => broker.kill()));
    await Promise.all(scenario.cluster.brokers.map((broker) => broker.start()));
    await scenario.progress(60_000);
    await scenario.checkAcknowledged();
    await scenario.inSync();
  }
  await scenario.finish();
});

test('a broker that comes back with an empty disk gets everything from the others', { timeout: TIMEOUT_MS }, async () => {
  const scenario = await Scenario.start();
  for (const broker of scenario.cluster.brokers) {
    await scenario.between(500, 1_000);
    await broker.kill();
    rmSync(broker.data!, { recursive: true });
    await broker.start();
    await scenario.progress();
    await scenario.inSync();
    await scenario.checkAcknowledged();
  }
  await scenario.finish();
});

test('a broker that comes back with an older copy of its disk loses nothing that was acknowledged', { timeout: TIMEOUT_MS }, async () => {
  const scenario = await Scenario.start();
  for (const broker of scenario.cluster.brokers) {
    await killOnOlderCopy(scenario, broker);
    await broker.start();
    await scenario.progress();
    await scenario.inSync();
    await scenario.checkAcknowledged();
  }
  await scenario.finish();
});

test('brokers that are restarted one after the other under load lose nothing', { timeout: TIMEOUT_MS }, async () => {
  const scenario = await Scenario.start();
  for (const broker of scenario.cluster.brokers) {
    await broker.restart();
    await scenario.inSync();
  }
  await scenario.checkAcknowledged();
  expect(scenario.loads.map(({ wrong }) => wrong)).toEqual([[], []]);
  await scenario.finish();
});

test('an older copy of a disk, and then the death of those that were ahead of it, loses nothing', { timeout: TIMEOUT_MS }, async () => {
  const scenario = await Scenario.start();
  const { cluster } = scenario;
  const broker = scenario.anyBroker();
  const others = cluster.brokers.filter(({ id }) => id !== broker.id);
  await killOnOlderCopy(scenario, broker);
  // It comes back while the others die: it must not lead with what it has.
  await Promise.all([broker.start(), ...others.map((other) => other.kill())]);
  await sleep(1_500);
  await Promise.all(others.map((other) => other.start()));
  await scenario.progress(60_000);
  await scenario.checkAcknowledged();
  await scenario.finish();
});

test('a metadata store that somebody locks for longer than the leases stops nothing for good, and loses nothing', {
  timeout: TIMEOUT_MS,
}, async () => {
  const scenario = await Scenario.start();
  const store = openSqlite(storePath(scenario.cluster.data!));
  store.exec('BEGIN IMMEDIATE');
  await sleep(12_000);
  store.exec('ROLLBACK');
  store.close();
  await scenario.progress(60_000);
  await scenario.checkAcknowledged();
  await scenario.inSync();
  await scenario.finish();
});

test('a leader that is cut off from the metadata store, and not from its clients, acknowledges nothing that is lost', {
  timeout: TIMEOUT_MS,
}, async () => {
  const scenario = await Scenario.start({ mode: 'in-process', recordsPerSecond: 2_000 });
  for (let round = 1; round <= 2; round++) {
    const leader = scenario.cluster.broker(await scenario.cluster.waitForLeader('probe', 0));
    leader.cutFrom('store');
    await sleep(11_000); // its lease lasts nine seconds
    await scenario.progress();
    leader.heal('store');
    await scenario.inSync();
    await scenario.checkAcknowledged();
    console.log(`round ${round}: broker ${leader.id} cut off, stall ${Math.round(scenario.probe.take().ms)} ms`);
  }
  await scenario.finish();
});

/** A disk of its own for a broker, where this user may have one. */
const DISK = { sizeMiB: 24, leftBytes: 64 * 1024 };
const canMount = mountSmall(mkdtempSync(join(tmpdir(), 'minikafka-mount-')), true);

function mountSmall(folder: string, justTrying: boolean): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK.sizeMiB}m`, 'tmpfs', folder], { stdio: 'ignore' });
    if (justTrying) execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    if (justTrying) rmSync(folder, { recursive: true });
  }
}

test.skipIf(!canMount)(
  'a broker whose disk is full holds up nobody else, and goes on when there is room again',
  { timeout: TIMEOUT_MS },
  async () => {
    const folderOf = (data: string) => join(data, 'broker-2');
    const scenario = await Scenario.start({
      config: { 'replica.lag.time.max.ms': 1_500 },
      recordsPerSecond: 1_000,
      prepare: (data) => {
        mkdirSync(folderOf(data));
        mountSmall(folderOf(data), false);
        return () => execFileSync('umount', ['-l', folderOf(data)]);
      },
    });
    const { cluster } = scenario;
    const filler = join(folderOf(cluster.data!), 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(DISK.sizeMiB * 1024 * 1024))).toThrow(/ENOSPC/);
    await sleep(4_000);
    const marks = scenario.loads[0]!.marks();
    await sleep(2_000);
    // Those that it does not lead go on without it.
    const moved = scenario.loads[0]!.marks().filter((mark, partition) => mark > marks[partition]!).length;
    expect(moved).toBeGreaterThanOrEqual(4);
    rmSync(filler);
    await scenario.progress(60_000);
    await scenario.inSync();
    await scenario.finish();
  },
);
