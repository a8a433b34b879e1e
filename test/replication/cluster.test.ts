import { afterEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, produceBody } from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

let cluster: MemoryCluster;
afterEach(() => cluster.close());

const THREE = { 'default.replication.factor': '3', 'min.insync.replicas': '2' };
const good = (...values: string[]) => batchBytes({ values, timestamp: cluster.clock.now() });

async function produce(broker: number, values: string[], more: Struct = {}): Promise<Struct> {
  const client = await cluster.client(broker);
  return firstPartition(await client.call('Produce', 11, produceBody('orders', good(...values), more)));
}

/** What a consumer sees at a broker. */
async function read(broker: number): Promise<{ errorCode: unknown; highWatermark: unknown; records: Buffer }> {
  const client = await cluster.client(broker);
  const { errorCode, highWatermark, records } = firstPartition(
    await client.call('Fetch', 12, fetchBody([{ topic: 'orders', lastFetchedEpoch: -1 }])),
  );
  return { errorCode, highWatermark, records: records as Buffer };
}

async function three(): Promise<void> {
  cluster = await MemoryCluster.start(3, THREE);
  await cluster.nodes.get(1)!.broker!.createTopic('orders');
  await cluster.clock.settle();
  const { leader } = await cluster.partition('orders');
  if (leader !== 1) await cluster.elect('orders', 1);
}

describe('three replicas', () => {
  test('acks=all is answered when all in sync have the batch, and then each has the same bytes', async () => {
    await three();
    expect(await produce(1, ['a', 'b'])).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(1, ['c'])).toMatchObject({ errorCode: 0, baseOffset: 2 });
    await cluster.clock.advance(500);
    const [first, second, third] = [await read(1), await read(2), await read(3)];
    expect(first).toMatchObject({ errorCode: 0, highWatermark: 3 });
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  test('the leader dies, the next one has all that was acknowledged, and goes on', async () => {
    await three();
    for (let i = 0; i < 20; i++) expect(await produce(1, [`${i}`])).toMatchObject({ errorCode: 0, baseOffset: i });
    const before = await read(1);
    await cluster.stop(1);
    await cluster.elect('orders', 2, { isr: [2, 3] });
    expect(await produce(2, ['next'])).toMatchObject({ errorCode: 0, baseOffset: 20 });
    const after = await read(2);
    expect(after.highWatermark).toBe(21);
    expect(after.records.subarray(0, before.records.byteLength)).toEqual(before.records);
    await cluster.start(1);
    await cluster.clock.advance(1_000);
    expect((await cluster.partition('orders')).isr.toSorted()).toEqual([1, 2, 3]);
    expect(await read(1)).toEqual(after);
  });
});
