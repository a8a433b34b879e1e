import type { MetadataFeed } from '../metadata/image-feed.ts';

/** A coordinator whose state lies in the partitions of one topic. */
export interface LoadedPartitions {
  /** Rejects with what clients would be told. */
  load(partition: number): Promise<void>;
  unload(partition: number): void;
}

/**
 * Has a coordinator drop the state of partitions that this broker leads no more, or anew, and load those that it comes to lead: at once, since
 * clients of a broker that died wait for them. Where there is one replica nobody has waited, and loading begins with the first use.
 * Returns how to stop.
 */
export function followLeadership(metadata: MetadataFeed, topicName: string, nodeId: number, coordinator: LoadedPartitions): () => void {
  return metadata.onChange((_image, { deletedTopics, partitions }) => {
    for (const topic of deletedTopics) {
      if (topic.name === topicName) for (const { partition } of topic.partitions) coordinator.unload(partition);
    }
    for (const { topic, partition, before } of partitions) {
      if (topic.name !== topicName || before?.leaderEpoch === partition.leaderEpoch) continue;
      if (before?.leader === nodeId || partition.leader === nodeId) coordinator.unload(partition.partition);
      if (partition.leader === nodeId && partition.replicas.length > 1) coordinator.load(partition.partition).catch(() => {});
    }
  });
}
