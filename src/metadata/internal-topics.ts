/** Topics that brokers keep for themselves: clients read them, and only Kafka's own tools may write to them. */
export const OFFSETS_TOPIC = '__consumer_offsets';
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set([OFFSETS_TOPIC, '__transaction_state', '__share_group_state']);
