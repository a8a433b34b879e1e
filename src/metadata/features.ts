/** A feature of the cluster, and the levels at which it can be finalized here. */
export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export const METADATA_VERSION = 'metadata.version';

/** The features that exist here, with the levels that Apache Kafka 4.4.0 supports, as far as they are built. Others join when they are. */
export const SUPPORTED_FEATURES: readonly SupportedFeature[] = [
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 33 },
  /** KIP-966. Level 0 would be without it: elections here rely on it. */
  { name: 'eligible.leader.replicas.version', minVersion: 1, maxVersion: 1 },
  /** KIP-890: from level 2 on each transaction has an epoch of its own, for producers that know how. */
  { name: 'transaction.version', minVersion: 0, maxVersion: 2 },
];
