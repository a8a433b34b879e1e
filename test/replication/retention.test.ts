import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { Partition } from '../../src/replication/partition.ts';
import { Retention } from '../../src/replication/retention.ts';

test('a log that has more to delete is asked again when others had their turn, and told of once', async () => {
  const clock = fakeClock();
  const events: string[] = [];
  const left = new Map([
    ['many', [3, 3, 1, 0]],
    ['none', [0]],
    ['gone', []],
    ['few', [2, 0]],
  ]);
  const replicas = {
    stored: () => [...left.keys()].map((topic) => ({ topic, index: 0 })),
    hosted(topic: string) {
      const count = left.get(topic)!.shift();
      if (count === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
      events.push(`${topic} ${count}`);
      if (topic === 'many') setImmediate(() => events.push('others'));
      return { applyRetention: () => count } as Partition;
    },
  };
  const logger: Logger = { ...silentLogger, info: (fields, message) => void events.push(`${message}: ${JSON.stringify(fields)}`) };
  let checkpoints = 0;
  const retention = new Retention({ replicas, clock, logger, leavesCompacted: false, deletedSome: () => checkpoints++ });
  retention.begin();
  await clock.settle();
  const told = (topic: string, segments: number) => `old segments deleted: ${JSON.stringify({ topic, partition: 0, segments })}`;
  expect(events).toEqual([
    ...['many 3', 'others', 'many 3', 'others', 'many 1', 'others', 'many 0', told('many', 7)],
    ...['none 0', 'few 2', 'others', 'few 0', told('few', 2)],
  ]);
  expect(checkpoints).toBe(1);
});
