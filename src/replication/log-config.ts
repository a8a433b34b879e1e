import type { BrokerConfig, TopicConfig } from '../config.ts';
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD } from '../protocol/records/compression.ts';
import type { TargetCompression } from '../protocol/records/recompress.ts';
import type { CleanerSettings } from '../storage/cleaner/settings.ts';
import type { LogConfig } from '../storage/log-config.ts';

/** What a topic's configuration asks of its replicas. */
export interface ReplicaConfig {
  readonly log: LogConfig;
  /** min.insync.replicas */
  readonly minIsr: number;
}

export function replicaConfigOf(topic: TopicConfig): ReplicaConfig {
  return { log: logConfigOf(topic), minIsr: topic.minInsyncReplicas };
}

/** What a topic's effective configuration asks of its logs. */
export function logConfigOf(topic: TopicConfig): LogConfig {
  return {
    segmentBytes: topic.segmentBytes,
    segmentIndexBytes: topic.segmentIndexBytes,
    indexIntervalBytes: topic.indexIntervalBytes,
    maxMessageBytes: topic.maxMessageBytes,
    segmentMs: topic.segmentMs,
    segmentJitterMs: topic.segmentJitterMs,
    retentionMs: topic.retentionMs,
    retentionBytes: topic.retentionBytes,
    flushMessages: topic.flushMessages,
    flushMs: topic.flushMs,
    fileDeleteDelayMs: topic.fileDeleteDelayMs,
    deletes: topic.cleanupPolicy.includes('delete'),
    compacted: topic.cleanupPolicy.includes('compact'),
    minCleanableDirtyRatio: topic.minCleanableDirtyRatio,
    deleteRetentionMs: topic.deleteRetentionMs,
    minCompactionLagMs: topic.minCompactionLagMs,
    maxCompactionLagMs: topic.maxCompactionLagMs,
    timestampType: topic.messageTimestampType === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: topic.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: topic.messageTimestampAfterMaxMs,
    compression: compressionOf(topic),
  };
}

/** Kafka compacts with no threads at all where there are to be none. */
export function isCleanerEnabled(broker: BrokerConfig): boolean {
  return broker.bool('log.cleaner.enable') && broker.int('log.cleaner.threads') > 0;
}

/** What log.cleaner.* says to compactions. */
export function cleanerSettingsOf(broker: BrokerConfig): CleanerSettings {
  const maxBytesPerSecond = broker.double('log.cleaner.io.max.bytes.per.second');
  return {
    // Kafka parts the buffer among its threads; one compacts here, and has what the configuration allows in all.
    dedupeBufferBytes: broker.long('log.cleaner.dedupe.buffer.size'),
    loadFactor: broker.double('log.cleaner.io.buffer.load.factor'),
    ioBufferBytes: broker.int('log.cleaner.io.buffer.size'),
    maxBytesPerSecond: maxBytesPerSecond >= Number.MAX_VALUE ? Number.POSITIVE_INFINITY : maxBytesPerSecond,
  };
}

function compressionOf(topic: TopicConfig): TargetCompression | null {
  switch (topic.compressionType) {
    case 'uncompressed':
      return { codecId: CODEC_NONE, level: undefined };
    case 'gzip':
      return { codecId: CODEC_GZIP, level: topic.compressionGzipLevel };
    case 'snappy':
      return { codecId: CODEC_SNAPPY, level: undefined };
    case 'lz4':
      return { codecId: CODEC_LZ4, level: undefined }; // the library knows one level
    case 'zstd':
      return { codecId: CODEC_ZSTD, level: topic.compressionZstdLevel };
    default:
      return null;
  }
}
