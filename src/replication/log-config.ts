import type { TopicConfig } from '../config.ts';
import type { LogConfig } from '../storage/log-config.ts';

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
    timestampType: topic.messageTimestampType === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: topic.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: topic.messageTimestampAfterMaxMs,
  };
}
