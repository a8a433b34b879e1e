/** Topics that brokers keep for themselves: clients read them, and only Kafka's own tools may write to them. */
export const OFFSETS_TOPIC = '__consumer_offsets';
export const TRANSACTIONS_TOPIC = '__transaction_state';
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set([OFFSETS_TOPIC, TRANSACTIONS_TOPIC, '__share_group_state']);

/** The broker's config for the number of partitions of an internal topic. */
const PARTITIONS_KEY: Readonly<Record<string, string>> = {
  [OFFSETS_TOPIC]: 'offsets.topic.num.partitions',
  [TRANSACTIONS_TOPIC]: 'transaction.state.log.num.partitions',
  __share_group_state: 'share.coordinator.state.topic.num.partitions',
};

/**
 * Why whoever runs the broker should not name this topic among those to begin with, or null. Brokers make internal topics themselves, with
 * configs that they rely on: without compaction __consumer_offsets would lose what groups have committed. (Over the wire CreateTopics makes
 * them as it is told, as in Apache Kafka.)
 */
export function whyNotToName(name: string): string | null {
  if (!INTERNAL_TOPICS.has(name)) return null;
  return `${name} is made by the broker itself when it is needed; leave it out, and set ${PARTITIONS_KEY[name]} for its partitions`;
}
