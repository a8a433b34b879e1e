/** Versions that both Apache Kafka 3.9 and 4.4 speak, for what scenarios need around their own API. */
export const AROUND = {
  createTopics: 7,
  createPartitions: 1,
  metadata: 12,
  listOffsets: 7,
  findCoordinator: 4,
  offsetFetch: 8,
  initProducerId: 4,
} as const;
