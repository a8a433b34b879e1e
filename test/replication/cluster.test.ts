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
    const { leader, isr } = await cluster.partition('orders');
    expect([[2, 3], isr.toSorted()]).toEqual([expect.arrayContaining([leader]), [2, 3]]);
    expect(await produce(leader, ['next'])).toMatchObject({ errorCode: 0, baseOffset: 20 });
    await cluster.clock.advance(500);
    const after = await read(leader);
    expect(after.highWatermark).toBe(21);
    expect(after.records.subarray(0, before.records.byteLength)).toEqual(before.records);
    await cluster.start(1);
    await cluster.clock.advance(1_000);
    expect((await cluster.partition('orders')).isr.toSorted()).toEqual([1, 2, 3]);
    expect(await read(1)).toEqual(after);
  });

  test('an idempotent producer that repeats a batch at the next leader gets the offset that it has', async () => {
    await three();
    const batch = () => batchBytes({ values: ['once'], timestamp: cluster.clock.now(), producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const send = async (broker: number) => {
      const client = await cluster.client(broker);
      return firstPartition(await client.call('Produce', 11, produceBody('orders', batch())));
    };
    await produce(1, ['before']);
    expect(await send(1)).toMatchObject({ errorCode: 0, baseOffset: 1 });
    await cluster.stop(1);
    const { leader } = await cluster.partition('orders');
    expect(await send(leader)).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await produce(leader, ['after'])).toMatchObject({ errorCode: 0, baseOffset: 2 });
  });

  test('with two gone of three acks=all is refused, and nothing is committed, until one is back', async () => {
    await three();
    await produce(1, ['a']);
    await cluster.stop(2);
    await cluster.stop(3);
    expect(await cluster.partition('orders')).toMatchObject({ leader: 1, isr: [1] });
    expect(await produce(1, ['b'])).toMatchObject({ errorCode: 19 });
    expect(await produce(1, ['b'], { acks: 1 })).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await read(1)).toMatchObject({ highWatermark: 1 });
    await cluster.start(2);
    await cluster.clock.advance(1_000);
    expect(await read(1)).toMatchObject({ highWatermark: 2 });
    expect(await produce(1, ['c'])).toMatchObject({ errorCode: 0, baseOffset: 2 });
  });
});
