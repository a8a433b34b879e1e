import { expect, onTestFinished, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { runCaptured } from './captured.ts';
import { type ScriptedApi, type ScriptedCluster, scriptedCluster } from './scripted-cluster.ts';

const COORDINATOR_LOAD_IN_PROGRESS = 14;
const NOT_COORDINATOR = 16;
const TRANSACTION = 1;

async function cluster(count: number, apis: (addresses: () => readonly string[]) => Readonly<Record<string, ScriptedApi>>) {
  const started: ScriptedCluster = await scriptedCluster(
    count,
    apis(() => started.addresses),
  );
  onTestFinished(() => started.close());
  return async (...words: string[]) => {
    const { exitCode, out, err } = await runCaptured(['transactions', ...words, '--bootstrap-server', started.addresses[0]!]);
    return { exitCode, out, err: err.replaceAll(started.addresses[0]!, 'it') };
  };
}
const refusal = (message: string) => ({ exitCode: 1, out: '', err: `minikafka: ${message}\n` });

const listed = (version: number, answer: (id: number) => Struct): ScriptedApi => ({
  key: 66,
  version,
  answer: (id) => ({ throttleTimeMs: 0, errorCode: 0, unknownStateFilters: [], transactionStates: [], ...answer(id) }),
});
const idOf = (transactionalId: string, producerId: number, transactionState = 'Ongoing'): Struct => ({
  transactionalId,
  producerId: BigInt(producerId),
  transactionState,
});

/** The coordinator of each transactional id, and of nothing else. */
const coordinatorIs = (id: number, addresses: () => readonly string[]): ScriptedApi => ({
  key: 10,
  version: 3,
  answer: (_, { keyType }) => {
    const [host, port] = addresses()[id - 1]!.split(':');
    const found = keyType === TRANSACTION ? { errorCode: 0, nodeId: id } : { errorCode: NOT_COORDINATOR, nodeId: -1 };
    return { throttleTimeMs: 0, errorMessage: null, host: host!, port: Number(port), ...found };
  },
});
const describedBy = (coordinator: number, topics: Struct[]): ScriptedApi => ({
  key: 65,
  version: 0,
  answer: (id, { transactionalIds }) => ({
    throttleTimeMs: 0,
    transactionStates: (transactionalIds as string[]).map((transactionalId) => ({
      errorCode: id === coordinator ? 0 : NOT_COORDINATOR,
      ...{ transactionalId, transactionState: 'Ongoing', transactionTimeoutMs: 60_000, transactionStartTimeMs: 5n },
      ...{ producerId: 7n, producerEpoch: 2, topics },
    })),
  }),
});

test('a broker that is too old is said to be, with what it is too old for', async () => {
  const none = await cluster(1, () => ({}));
  expect(await none('list')).toEqual(refusal('the broker at it is older than Kafka 3.0, the first that lists transactions'));
  const first = await cluster(1, () => ({ ListTransactions: listed(0, () => ({ transactionStates: [idOf('t', 7)] })) }));
  expect(await first('list', '--state', 'ongoing')).toEqual({ exitCode: 0, out: 't\t1\t7\tOngoing\n', err: '' });
  expect(await first('list', '--longer-than', '1s')).toEqual(
    refusal('the broker at it is older than Kafka 3.8, the first that knows how long transactions last'),
  );
  expect(await first('list', '--pattern', 't')).toEqual(
    refusal('the broker at it is older than Kafka 4.1, the first that matches patterns'),
  );
});

test('list asks every broker, and again the one that is loading', async () => {
  let asked = 0;
  const run = await cluster(3, () => ({
    ListTransactions: listed(2, (id) => {
      if (id === 2 && asked++ === 0) return { errorCode: COORDINATOR_LOAD_IN_PROGRESS };
      return { transactionStates: [idOf(`of-${id}`, id)] };
    }),
  }));
  expect(await run('list')).toEqual({ exitCode: 0, out: 'of-1\t1\t1\tOngoing\nof-2\t2\t2\tOngoing\nof-3\t3\t3\tOngoing\n', err: '' });
  expect(asked).toBe(2);
});

test('describe asks the coordinator of the transactional id, not of a group of that name', async () => {
  const run = await cluster(3, (addresses) => ({
    FindCoordinator: coordinatorIs(3, addresses),
    DescribeTransactions: describedBy(3, [{ topic: 'orders', partitions: [1, 0] }]),
  }));
  const { exitCode, out } = await run('describe', 't', '--json');
  expect(exitCode).toBe(0);
  const partitions = [1, 0].map((partition) => ({ topic: 'orders', partition }));
  expect(JSON.parse(out)).toMatchObject([
    { transactionalId: 't', coordinator: 3, producerId: 7, producerEpoch: 2, startMs: 5, partitions },
  ]);
});

test('a transaction hangs where its coordinator has one of the producer, but not in that partition', async () => {
  const partition = (partitionIndex: number, leaderId: number) => ({
    ...{ errorCode: 0, partitionIndex, leaderId, leaderEpoch: 0, replicaNodes: [leaderId], isrNodes: [leaderId], offlineReplicas: [] },
  });
  const run = await cluster(2, (addresses) => ({
    FindCoordinator: coordinatorIs(2, addresses),
    DescribeTransactions: describedBy(2, [{ topic: 'orders', partitions: [1] }]),
    ListTransactions: listed(2, (id) => ({ transactionStates: id === 2 ? [idOf('t', 7)] : [] })),
    Metadata: {
      key: 3,
      version: 8,
      answer: () => ({
        throttleTimeMs: 0,
        brokers: addresses().map((address, i) => ({ nodeId: i + 1, host: '127.0.0.1', port: Number(address.split(':')[1]), rack: null })),
        clusterId: null,
        controllerId: 1,
        topics: [
          {
            ...{ errorCode: 0, name: 'orders', isInternal: false, topicAuthorizedOperations: 0 },
            partitions: [partition(0, 1), partition(1, 2), partition(2, -1)],
          },
        ],
        clusterAuthorizedOperations: 0,
      }),
    },
    DescribeProducers: {
      key: 61,
      version: 0,
      answer: (_, { topics }) => ({
        throttleTimeMs: 0,
        topics: (topics as { name: string; partitionIndexes: number[] }[]).map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({
            ...{ partitionIndex, errorCode: 0, errorMessage: null },
            activeProducers: [
              {
                ...{ producerId: 7n, producerEpoch: 2, lastSequence: 4, lastTimestamp: 60_000n },
                ...{ coordinatorEpoch: 9, currentTxnStartOffset: 40n },
              },
            ],
          })),
        })),
      }),
    },
  }));
  const found = await run('find-hanging', '--older-than', '1h', '--json');
  expect(found).toMatchObject({ exitCode: 0, err: '' });
  const hanging = { topic: 'orders', partition: 0, startOffset: 40, producerId: 7, producerEpoch: 2, coordinatorEpoch: 9 };
  expect(JSON.parse(found.out)).toEqual([{ ...hanging, transactionalId: 't', lastSequence: 4, lastTimestampMs: 60_000 }]);
  expect(await run('find-hanging', 'orders:2', '--older-than', '1h')).toEqual(refusal('orders:2 has no leader; is a broker down?'));
});
