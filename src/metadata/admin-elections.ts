import type { BrokerConfig } from '../config.ts';
import { KafkaError } from '../core/errors.ts';
import { fenced } from './controller-writes.ts';
import { decide, electable, electionPolicies } from './elections.ts';
import type { MetadataFeed } from './image-feed.ts';
import { isStopping } from './isr.ts';
import { changePartitions, type PartitionName } from './partition-writes.ts';
import type { MetadataStore } from './store.ts';

/** preferred: the first replica, if it may lead without a loss. unclean: any replica that is alive, where nobody may. */
export type ElectionType = 'preferred' | 'unclean';

/**
 * Elections that an operator asks for, written by this broker under the controller's fence. Resolves with what became of each partition:
 * ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION.
 */
export function electLeaders(
  { store, metadata, config }: { store: MetadataStore; metadata: MetadataFeed; config: BrokerConfig },
  type: ElectionType,
  partitions: readonly PartitionName[],
): Promise<(KafkaError | null)[]> {
  return changePartitions(
    { store, metadata },
    partitions,
    (image, { topic, partition: number }) => {
      const before = image.partition(topic, number);
      if (!before) return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `No such partition as ${topic}-${number}`);
      const policy = electionPolicies(config, image)(topic);
      const first = before.replicas[0]!;
      const isNeeded = type === 'preferred' ? before.leader !== first : before.leader === -1;
      if (!isNeeded) return new KafkaError('ELECTION_NOT_NEEDED');
      if (type === 'preferred' && (!electable(image, before, policy).includes(first) || isStopping(image, first))) {
        return new KafkaError('PREFERRED_LEADER_NOT_AVAILABLE');
      }
      const decision = decide(image, before, policy, { [type]: true });
      if (!decision || decision.value.leader === -1) return new KafkaError('ELIGIBLE_LEADERS_NOT_AVAILABLE');
      return { topic, before, ...decision };
    },
    (image) => fenced(image.controllerEpoch.rev),
  );
}
