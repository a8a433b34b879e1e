import { cpSync, renameSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Scenario } from './scenario.ts';

const TIMEOUT_MS = 180_000;

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
    const copy = `${broker.data}.copy`;
    await broker.stop();
    cpSync(broker.data!, copy, { recursive: true });
    await broker.start();
    await scenario.inSync();
    await scenario.between(500, 1_000);
    await broker.kill();
    rmSync(broker.data!, { recursive: true });
    renameSync(copy, broker.data!);
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
