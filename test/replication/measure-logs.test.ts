import { expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { Purgatory } from '../../src/core/purgatory.ts';
import type { MetadataFeed } from '../../src/metadata/image-feed.ts';
import type { MetadataStore } from '../../src/metadata/store.ts';
import { ReplicaManager } from '../../src/replication/replica-manager.ts';
import type { LogDirs } from '../../src/storage/log-dirs.ts';

/** Topic "orders": 0 has a folder, 1 has none, another broker leads 2. Every log that is opened holds 77 bytes. */
function fixture() {
  const opened: number[] = [];
  const logs = {
    isOffline: () => false,
    onFailure: () => () => {},
    directoryOf: () => '/data',
    moveOf: () => null,
    strays: (isKnown: (folder: { topic: string; partition: number }) => boolean) =>
      isKnown({ topic: 'orders', partition: 0 }) ? [] : ['orders-0'],
    log: ({ partition }: { partition: number }) => ({
      startEpoch: () => {},
      drain: (_error: unknown, done: () => void) => done(),
      logEndOffset: 0,
      highWatermark: 0,
      commitTo: () => {},
      get sizeBytes() {
        opened.push(partition);
        return 77;
      },
    }),
  } as unknown as LogDirs;
  const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
  const partitions = [1, 1, 2].map((leader, partition) => ({
    ...{ topicId, partition, leader, leaderEpoch: 0, leaderBrokerEpoch: 7, rev: 8 },
    ...{ replicas: [leader], adding: [], removing: [], isr: [leader], elr: [], disks: [] },
  }));
  const topic = { name: 'orders', topicId, partitions };
  const current = {
    topic: (name: string) => (name === 'orders' ? topic : undefined),
    topics: () => [topic],
    configs: () => new Map(),
    brokers: new Map(),
    stopping: new Map(),
  };
  const metadata = { current, onChange: () => () => {} } as unknown as MetadataFeed;
  const config = brokerConfig(new Map());
  const purgatory = new Purgatory(fakeClock());
  const replicas = new ReplicaManager({
    nodeId: 1,
    clock: fakeClock(),
    logs,
    metadata,
    purgatory,
    store: {} as MetadataStore,
    registration: () => ({ epoch: 7, validUntil: () => Number.POSITIVE_INFINITY }),
    compactions: { request: () => {} },
    fetchers: { follow: () => {}, unfollow: () => {} },
    config: () => config,
    logger: silentLogger,
  });
  return { replicas, opened };
}

test('a log that was not used since the start is opened only if it has a folder', () => {
  const { replicas, opened } = fixture();
  const sizeOf = replicas.measureLogs();
  const size = { directory: '/data', offsetLag: 0, isFuture: false };
  expect([...sizeOf('orders', 0), ...sizeOf('orders', 1)]).toEqual([
    { ...size, sizeBytes: 77 },
    { ...size, sizeBytes: 0 },
  ]);
  expect(opened).toEqual([0]);
});

test('a log that is in use is measured, whether it had a folder at the start or not', () => {
  const { replicas, opened } = fixture();
  replicas.leader('orders', 1);
  expect(replicas.measureLogs()('orders', 1)).toMatchObject([{ sizeBytes: 77 }]);
  expect(opened).toEqual([1]);
});

test('what this broker does not lead is not measured', () => {
  const sizeOf = fixture().replicas.measureLogs();
  expect(() => sizeOf('orders', 2)).toThrow(expect.objectContaining({ errorName: 'NOT_LEADER_OR_FOLLOWER' }));
  for (const [topic, index] of [
    ['orders', 3],
    ['orders', -1],
    ['nowhere', 0],
  ] as const)
    expect(() => sizeOf(topic, index)).toThrow(expect.objectContaining({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' }));
});
