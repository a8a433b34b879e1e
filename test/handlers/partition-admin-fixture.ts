import { KafkaError } from '../../src/core/errors.ts';
import type { PartitionAdmin } from '../../src/handlers/partition-admin.ts';
import type { MetadataFeed } from '../../src/metadata/image-feed.ts';

/** Topics "orders" with three partitions and "users" with one. */
const TOPICS: Readonly<Record<string, number>> = { orders: 3, users: 1 };

export const metadata = (() => {
  const partition = (name: string, index: number) => (index >= 0 && index < (TOPICS[name] ?? 0) ? { partition: index } : undefined);
  const topic = (name: string) =>
    name in TOPICS ? { name, partitions: Array.from({ length: TOPICS[name]! }, (_, index) => ({ partition: index })) } : undefined;
  return { current: { partition, topic, topics: () => Object.keys(TOPICS).map(topic) } } as unknown as MetadataFeed;
})();

/** Keeps what it is asked, and answers with the errors that are given for partitions, by "topic-partition". */
export function scriptedAdmin(errors: Readonly<Record<string, KafkaError>> = {}): PartitionAdmin & { asked: unknown[] } {
  const asked: unknown[] = [];
  const outcomes = (partitions: readonly { topic: string; partition: number }[]) =>
    partitions.map(({ topic, partition }) => errors[`${topic}-${partition}`] ?? null);
  return {
    asked,
    async electLeaders(type, partitions) {
      asked.push({ type, partitions });
      return outcomes(partitions);
    },
    async reassign(reassignments, options) {
      asked.push({ reassignments, ...options });
      return outcomes(reassignments);
    },
    async unregisterBroker(id) {
      asked.push({ unregister: id });
      if (id === 9) throw new KafkaError('BROKER_ID_NOT_REGISTERED', 'Broker ID 9 is not currently registered');
    },
  };
}
