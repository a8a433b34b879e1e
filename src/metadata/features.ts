/** The features that exist here, with the levels that Apache Kafka 4.4.0 supports. Others join when they are built. */
export const SUPPORTED_FEATURES: readonly { name: string; minVersion: number; maxVersion: number }[] = [
  { name: 'metadata.version', minVersion: 7, maxVersion: 33 },
  /** KIP-966 */
  { name: 'eligible.leader.replicas.version', minVersion: 0, maxVersion: 1 },
];
