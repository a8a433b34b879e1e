import { expect, test } from 'vitest';
import type { TransactionCoordinator } from '../../src/coordinator/transaction/transaction-coordinator.ts';
import { KafkaError } from '../../src/core/errors.ts';
import type { Endpoints } from '../../src/handlers/endpoints.ts';
import { findCoordinator } from '../../src/handlers/find-coordinator.ts';
import type { TopicAdmin } from '../../src/handlers/topic-admin.ts';
import type { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { groupsFixture } from '../coordinator/group/group-fixture.ts';
import { sender, versionsOf } from './group-handlers.ts';

const NOBODY = { nodeId: -1, host: '', port: -1 };
const SELF = { nodeId: 1, host: 'localhost', port: 9092 };
const OTHER = { nodeId: 2, host: 'localhost', port: 9093 };

/** Brokers 1, which is asked, and 2 are alive. `leader`: of the partition in which all groups are. */
async function started(ensureCoordinatorTopic = async () => {}, leader: number | null = 1) {
  const fixture = await groupsFixture({}, false);
  const endpoints = { broker: (id: number) => [SELF, OTHER].find(({ nodeId }) => nodeId === id) } as unknown as Endpoints;
  const asked: string[] = [];
  const topicAdmin = {
    ensureCoordinatorTopic: (name: string) => {
      asked.push(name);
      return ensureCoordinatorTopic();
    },
  } as unknown as TopicAdmin;
  const transactions = { partitionOf: () => 7 } as unknown as TransactionCoordinator;
  const partition = (name: string, index: number) => {
    if (name === '__transaction_state' && index === 7) return { leader: 2 };
    return leader !== null && name === '__consumer_offsets' && index === 0 ? { leader } : undefined;
  };
  const metadata = { current: { partition } } as unknown as MetadataFeed;
  return {
    ...fixture,
    send: sender(findCoordinator, { endpoints, groups: fixture.groups, transactions, topicAdmin, metadata, nodeId: 1 }),
    asked,
  };
}

test.each(versionsOf(findCoordinator))(
  'v%i names the broker that leads the partition of the group, which loads nothing here',
  async (version) => {
    const { send, log } = await started(undefined, 2);
    log.replayGate = Promise.reject(new Error('this broker must not read it'));
    log.replayGate.catch(() => {});
    const reply = await send(version, { key: 'g', coordinatorKeys: ['g'] });
    expect(version < 4 ? reply : reply.coordinators[0]).toMatchObject({ ...OTHER, errorCode: 0 });
  },
);

test.each([
  ['has no leader', -1],
  ['is led by a broker that is not alive', 3],
  ['is not there', null],
])('a group whose partition %s has no coordinator', async (_, leader) => {
  const { send } = await started(undefined, leader);
  expect(await send(2, { key: 'g' })).toMatchObject({ ...NOBODY, errorCode: 15 });
  expect((await send(6, { coordinatorKeys: ['g'] })).coordinators).toMatchObject([{ key: 'g', ...NOBODY, errorCode: 15 }]);
});

// The words and places of the messages are those of Apache Kafka 4.4.0.
test.each(versionsOf(findCoordinator))('v%i finds the coordinator of a group', async (version) => {
  const { send } = await started();
  if (version < 4) {
    expect(await send(version, { key: 'g' })).toMatchObject({ errorCode: 0, ...SELF, ...(version > 0 ? { errorMessage: 'NONE' } : {}) });
    return;
  }
  expect((await send(version, { coordinatorKeys: ['g', ''] })).coordinators).toEqual([
    { key: 'g', ...SELF, errorCode: 0, errorMessage: '' },
    { key: '', ...SELF, errorCode: 0, errorMessage: '' },
  ]);
  expect((await send(version, { coordinatorKeys: [] })).coordinators).toEqual([]);
});

test('the coordinator of a transactional id leads its partition of __transaction_state', async () => {
  const { asked, send } = await started();
  expect(await send(3, { key: 't', keyType: 1 })).toMatchObject({ errorCode: 0, ...OTHER });
  expect((await send(6, { coordinatorKeys: ['t'], keyType: 1 })).coordinators).toMatchObject([{ key: 't', errorCode: 0, ...OTHER }]);
  expect(asked).toEqual(['__transaction_state', '__transaction_state']);
});

test.each([
  [3, 2],
  [3, 7],
  [5, 2],
  [6, 2],
  [6, 7],
])('v%i with key type %i is an invalid request', async (version, keyType) => {
  const { send } = await started();
  const reply = await send(version, { key: 'k', keyType, coordinatorKeys: ['k'] });
  expect(version < 4 ? reply : reply.coordinators[0]).toMatchObject({ ...NOBODY, errorCode: 42 });
});

test('the offsets topic is there before the answer, and what is asked next is answered', async () => {
  let isThere = false;
  const { groups, send } = await started(async () => {
    isThere = true;
  });
  await send(0, { key: 'g' });
  expect(isThere).toBe(true);
  expect(await groups.fetchOffsets('g', null)).toEqual([]); // not COORDINATOR_LOAD_IN_PROGRESS
});

test('the answer does not wait long for a group that takes long to load', async () => {
  const { clock, log, send } = await started();
  log.replayGate = new Promise(() => {});
  const reply = send(0, { key: 'g' });
  await clock.advance(1000);
  expect(await reply).toMatchObject({ errorCode: 0, nodeId: 1 });
  expect(clock.pending()).toBe(0);
});

test('when the offsets topic cannot be created that is the answer', async () => {
  const { send } = await started(async () => {
    throw new KafkaError('INVALID_REPLICATION_FACTOR', 'Only 1 broker is there.');
  });
  expect(await send(1, { key: 'g' })).toMatchObject({ ...NOBODY, errorCode: 38, errorMessage: 'Only 1 broker is there.' });
});
