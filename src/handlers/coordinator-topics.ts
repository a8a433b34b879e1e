import type { BrokerConfig } from '../config.ts';
import { OFFSETS_TOPIC, type TRANSACTIONS_TOPIC } from '../metadata/internal-topics.ts';
import type { NewTopic } from './topic-admin.ts';

export type CoordinatorTopic = typeof OFFSETS_TOPIC | typeof TRANSACTIONS_TOPIC;

/**
 * A coordinator's topic, as it is made when it is first needed. With fewer brokers than its replication factor it begins with fewer replicas; the
 * controller adds them when others join.
 */
export function coordinatorTopic(name: CoordinatorTopic, config: BrokerConfig, brokers: number): NewTopic {
  const replicas = (key: 'offsets.topic.replication.factor' | 'transaction.state.log.replication.factor') =>
    Math.min(config.int(key), Math.max(brokers, 1));
  if (name === OFFSETS_TOPIC)
    return {
      name,
      partitions: config.int('offsets.topic.num.partitions'),
      replicationFactor: replicas('offsets.topic.replication.factor'),
      configs: configs({
        'cleanup.policy': 'compact',
        'compression.type': 'producer',
        'segment.bytes': config.int('offsets.topic.segment.bytes'),
      }),
    };
  const replicationFactor = replicas('transaction.state.log.replication.factor');
  return {
    name,
    partitions: config.int('transaction.state.log.num.partitions'),
    replicationFactor,
    configs: configs({
      'cleanup.policy': 'compact',
      'compression.type': 'uncompressed',
      'min.insync.replicas': Math.min(config.int('transaction.state.log.min.isr'), replicationFactor),
      'segment.bytes': config.int('transaction.state.log.segment.bytes'),
      'unclean.leader.election.enable': 'false',
    }),
  };
}

function configs(values: Readonly<Record<string, string | number>>): NewTopic['configs'] {
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value) }));
}
