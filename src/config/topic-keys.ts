import { boolean, double, int, list, long, string } from './definition.ts';

/**
 * Topic keys: all that Apache Kafka 4.4.0 has, in the order of its LogConfig, which is the order in which it checks them (the first
 * bad one is the one that an error names). `broker` is the broker key that gives the value of a topic without its own.
 */
// biome-ignore format: one key, one line
export const TOPIC_KEYS = {
  'segment.bytes': int('1073741824', { min: 1048576, broker: 'log.segment.bytes', doc: 'A segment is closed, and a new one begun, at this size.' }),
  'segment.ms': long('604800000', { min: 1, broker: 'log.roll.ms', doc: 'A segment is closed when its records span this much time.' }),
  'segment.jitter.ms': long('0', { min: 0, broker: 'log.roll.jitter.ms', doc: 'At most this much is taken off segment.ms, at random, so that not all partitions roll at once.' }),
  'segment.index.bytes': int('10485760', { min: 4, broker: 'log.index.size.max.bytes', doc: 'Largest index of a segment.' }),
  'flush.messages': long('9223372036854775807', { min: 1, broker: 'log.flush.interval.messages', doc: 'The record that makes it this many since the last sync is acknowledged, and can be read, after a sync.' }),
  'flush.ms': long('9223372036854775807', { min: 0, broker: 'log.flush.interval.ms', doc: 'After this long what was written to a partition is synced to disk.' }),
  'retention.bytes': long('-1', { broker: 'log.retention.bytes', doc: 'A partition above this size loses its oldest segments; -1: no limit.' }),
  'retention.ms': long('604800000', { min: -1, broker: 'log.retention.ms', doc: 'A segment whose newest record is older than this is deleted; -1: never.' }),
  'max.message.bytes': int('1048588', { min: 0, broker: 'message.max.bytes', doc: 'Largest record batch that may be appended.' }),
  'max.decompressed.message.bytes': int('2147483639', { min: 1, max: 2147483639, broker: 'max.decompressed.message.bytes', acts: false, doc: 'Largest size of a batch after decompression.' }),
  'index.interval.bytes': int('4096', { min: 0, broker: 'log.index.interval.bytes', doc: 'One index entry per this many bytes of log.' }),
  'delete.retention.ms': long('86400000', { min: 0, broker: 'log.cleaner.delete.retention.ms', doc: 'How long the mark of a deleted key stays in a compacted log.' }),
  'min.compaction.lag.ms': long('0', { min: 0, broker: 'log.cleaner.min.compaction.lag.ms', doc: 'A record younger than this is not compacted.' }),
  'max.compaction.lag.ms': long('9223372036854775807', { min: 1, broker: 'log.cleaner.max.compaction.lag.ms', doc: 'A record older than this is compacted soon.' }),
  'file.delete.delay.ms': long('60000', { min: 0, broker: 'log.segment.delete.delay.ms', doc: 'How long the files of a deleted segment stay.' }),
  'min.cleanable.dirty.ratio': double('0.5', { min: 0, max: 1, broker: 'log.cleaner.min.cleanable.ratio', doc: 'Share of uncompacted bytes from which a log is compacted.' }),
  'cleanup.policy': list('delete', { oneOf: ['compact', 'delete'], broker: 'log.cleanup.policy', doc: 'delete drops old segments, compact keeps the newest record of each key; both may be set.' }),
  'unclean.leader.election.enable': boolean('false', { broker: 'unclean.leader.election.enable', doc: 'A replica that may lack records may become leader, if no other is left.' }),
  'min.insync.replicas': int('1', { min: 1, broker: 'min.insync.replicas', doc: 'In-sync replicas that a write with acks=all needs.' }),
  'compression.type': string('producer', { oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'], broker: 'compression.type', doc: 'Codec of batches on disk; producer keeps what the producer sent.' }),
  'compression.gzip.level': int('-1', { min: 1, max: 9, or: -1, broker: 'compression.gzip.level', doc: 'Level at which gzip compresses for compression.type; -1 is the default of the codec.' }),
  'compression.lz4.level': int('9', { min: 1, max: 17, broker: 'compression.lz4.level', acts: false, doc: 'Level at which lz4 compresses for compression.type; checked, but lz4 has one level here.' }),
  'compression.zstd.level': int('3', { min: -131072, max: 22, broker: 'compression.zstd.level', doc: 'Level at which zstd compresses for compression.type.' }),
  'preallocate': boolean('false', { broker: 'log.preallocate', acts: false, doc: 'A new segment takes its space on disk at once.' }),
  'message.timestamp.type': string('CreateTime', { oneOf: ['CreateTime', 'LogAppendTime'], broker: 'log.message.timestamp.type', doc: 'CreateTime keeps the timestamps of the producer, LogAppendTime sets those of the broker.' }),
  'message.timestamp.before.max.ms': long('9223372036854775807', { min: 0, broker: 'log.message.timestamp.before.max.ms', doc: 'How far behind the clock of the broker a timestamp may be.' }),
  'message.timestamp.after.max.ms': long('3600000', { min: 0, broker: 'log.message.timestamp.after.max.ms', doc: 'How far ahead of the clock of the broker a timestamp may be.' }),
  'leader.replication.throttled.replicas': list('', { form: 'replicas', acts: false, doc: 'Replicas whose leader is throttled: partition:broker pairs, or *.' }),
  'follower.replication.throttled.replicas': list('', { form: 'replicas', acts: false, doc: 'Replicas whose follower is throttled: partition:broker pairs, or *.' }),
  'remote.storage.enable': boolean('false', { acts: false, doc: 'Tiered storage.' }),
  'local.retention.ms': long('-2', { min: -2, broker: 'log.local.retention.ms', acts: false, doc: 'Tiered storage: retention.ms of the local part; -2: the same.' }),
  'local.retention.bytes': long('-2', { min: -2, broker: 'log.local.retention.bytes', acts: false, doc: 'Tiered storage: retention.bytes of the local part; -2: the same.' }),
  'remote.log.copy.disable': boolean('false', { acts: false, doc: 'Tiered storage: nothing more is copied.' }),
  'remote.copy.lag.ms': long('0', { min: -1, broker: 'log.remote.copy.lag.ms', acts: false, doc: 'Tiered storage: how long a closed segment waits before it is copied.' }),
  'remote.copy.lag.bytes': long('-1', { min: -1, broker: 'log.remote.copy.lag.bytes', acts: false, doc: 'Tiered storage: how many bytes stay behind before a segment is copied.' }),
  'remote.log.delete.on.disable': boolean('false', { acts: false, doc: 'Tiered storage: remote data is deleted when it is switched off.' }),
  'errors.deadletterqueue.group.enable': boolean('false', { acts: false, doc: 'The topic may be the dead letter queue of share groups.' }),
};
