import { afterEach, beforeEach, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { topicKey } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, produceBody } from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await MemoryCluster.start(3, { 'default.replication.factor': '3', 'min.insync.replicas': '2' });
  await create();
  expect(await produce(['a', 'b'])).toMatchObject({ errorCode: 0, baseOffset: 0 });
  await cluster.clock.advance(1_000);
});
afterEach(() => cluster.close());

async function create(): Promise<void> {
  const created = cluster.nodes.get(1)!.broker!.createTopic('orders');
  await cluster.clock.advance(500);
  await created;
}
async function produce(values: string[]): Promise<Struct> {
  const { leader } = await cluster.partition('orders');
  const client = await cluster.client(leader);
  const records = batchBytes({ values, timestamp: cluster.clock.now() });
  const answer = client.call('Produce', 11, produceBody('orders', records));
  await cluster.clock.advance(500);
  return firstPartition(await answer);
}
/** What is on the disk of broker 3; the unique part of names left out. */
const folders = () => {
  const { files } = cluster.nodes.get(3)!;
  const names = files.list('/data').filter((name) => name.startsWith('orders'));
  return names.map((name) => name.replace(/[0-9a-f]{32}/, '*')).sort();
};
const bytes = (id: number) => cluster.nodes.get(id)!.files.read('/data/orders-0/00000000000000000000.log');

async function deleteTopic(): Promise<void> {
  const { key } = await cluster.partition('orders');
  await cluster.store.txn([], [{ del: topicKey('orders') }, { del: key }]);
  await cluster.clock.advance(500);
}
async function placeOn(replicas: readonly number[]): Promise<void> {
  const { key, rev, ...before } = await cluster.partition('orders');
  const value = { ...before, replicas, isr: replicas, elr: [], partitionEpoch: before.partitionEpoch + 1 };
  expect(await cluster.store.txn([{ key, rev }], [{ put: key, value: encodeValue(value) }])).toMatchObject({ ok: true });
  await cluster.clock.advance(500);
}

test('a replica that moves to other brokers leaves nothing behind', async () => {
  expect(folders()).toEqual(['orders-0']);
  if ((await cluster.partition('orders')).leader === 3) await cluster.elect('orders', 1);
  await placeOn([1, 2]);
  expect(folders()).toEqual([]);
  await placeOn([1, 2, 3]); // and comes back with all there is
  await cluster.clock.advance(2_000);
  expect(folders()).toEqual(['orders-0']);
  expect(bytes(3)).toEqual(bytes(1));
});

test('nor one that moved while its broker was down', async () => {
  await cluster.stop(3);
  await placeOn([1, 2]);
  expect(folders()).toEqual(['orders-0']);
  await cluster.start(3);
  expect(folders()).toEqual([]);
});

test('a topic that was deleted while a broker was down does not come back with it, nor into a topic that has its name', async () => {
  await cluster.stop(3);
  await deleteTopic();
  await cluster.clock.advance(5_000);
  await cluster.start(3);
  expect(folders()).toEqual(['orders-0.*-stray']);
  const client = await cluster.client(3);
  const metadata = await client.call('Metadata', 9, { topics: [{ name: 'orders' }], allowAutoTopicCreation: false });
  expect((metadata.topics as Struct[])[0]).toMatchObject({ errorCode: 3 });
  await create();
  expect(await produce(['new'])).toMatchObject({ errorCode: 0, baseOffset: 0 });
  await cluster.clock.advance(1_000);
  expect(bytes(3)).toEqual(bytes(1));
});
