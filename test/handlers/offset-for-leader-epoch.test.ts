import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { offsetForLeaderEpoch } from '../../src/handlers/offset-for-leader-epoch.ts';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { versionsOf } from './group-handlers.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 2 });
  client = await on.client();
  return () => on.broker.close();
});

const produce = () => client.call('Produce', 9, produceBody('orders', batchBytes({ values: ['a', 'b', 'c'] })));

async function end(version: number, leaderEpoch: number, more: Struct & { topic?: string } = {}): Promise<Struct> {
  const { topic = 'orders', ...rest } = more;
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch, ...rest }];
  const reply = await client.call('OffsetForLeaderEpoch', version, { replicaId: -1, topics: [{ topic, partitions }] });
  return ((reply.topics as Struct[])[0]!.partitions as Struct[])[0]!;
}

describe.each(versionsOf(offsetForLeaderEpoch))('v%i', (version) => {
  const epoch = (leaderEpoch: number) => (version >= 1 ? leaderEpoch : -1);

  test('the latest epoch ends where the log does', async () => {
    expect(await end(version, 0)).toEqual({ errorCode: 0, partition: 0, leaderEpoch: epoch(0), endOffset: 0 });
    await produce();
    expect(await end(version, 0)).toEqual({ errorCode: 0, partition: 0, leaderEpoch: epoch(0), endOffset: 3 });
  });

  test.each([-1, 1])('epoch %i is unknown, which is no error', async (leaderEpoch) => {
    await produce();
    expect(await end(version, leaderEpoch)).toEqual({ errorCode: 0, partition: 0, leaderEpoch: -1, endOffset: -1 });
  });

  test.each<[string, Struct & { topic?: string }]>([
    ['topic', { topic: 'nowhere' }],
    ['partition', { partition: 7 }],
    ['partition, a negative one', { partition: -1 }],
  ])('an unknown %s', async (_, more) => {
    expect(await end(version, 0, more)).toEqual({ errorCode: 3, partition: 0, leaderEpoch: -1, endOffset: -1, ...partitionOf(more) });
  });
});

const partitionOf = ({ partition }: Struct) => (partition === undefined ? {} : { partition });

test('the partition refuses a client that knows a later leader epoch than its own', async () => {
  expect(await end(2, 0, { currentLeaderEpoch: 0 })).toMatchObject({ errorCode: 0 });
  expect(await end(2, 0, { currentLeaderEpoch: 1 })).toMatchObject({ errorCode: 75, leaderEpoch: -1, endOffset: -1 });
});

test('partitions are answered each for itself, in the order of the request', async () => {
  await produce();
  const partitions = [1, 9, 0].map((partition) => ({ partition, currentLeaderEpoch: -1, leaderEpoch: 0 }));
  const reply = await client.call('OffsetForLeaderEpoch', 4, { replicaId: -1, topics: [{ topic: 'orders', partitions }] });
  expect(reply.topics).toMatchObject([
    {
      topic: 'orders',
      partitions: [
        { partition: 1, errorCode: 0, endOffset: 0 },
        { partition: 9, errorCode: 3, endOffset: -1 },
        { partition: 0, errorCode: 0, endOffset: 3 },
      ],
    },
  ]);
});
