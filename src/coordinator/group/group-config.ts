/** What the group coordinator takes from the broker's configuration, by Kafka's names. Read anew at each use. */
export interface GroupConfig {
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number;
  /** group.min.session.timeout.ms, group.max.session.timeout.ms */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** group.max.size */
  readonly maxSize: number;
  /** offset.metadata.max.bytes */
  readonly offsetMetadataMaxBytes: number;
  /** offsets.topic.num.partitions: as the topic was created, for it decides where a group lives. */
  readonly offsetsPartitions: number;
  /** offsets.retention.minutes, offsets.retention.check.interval.ms */
  readonly retentionMs: number;
  readonly expiryCheckIntervalMs: number;
  /** offsets.commit.timeout.ms */
  readonly commitTimeoutMs: number;
}
