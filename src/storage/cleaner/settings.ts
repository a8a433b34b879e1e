/** What log.cleaner.* says to all compactions of a broker; a compaction that is under way keeps what it began with. */
export interface CleanerSettings {
  /** log.cleaner.dedupe.buffer.size: memory for keys, 24 bytes each. Taken as far as the log in work can need it. */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.buffer.load.factor: share of that memory that keys may take. */
  readonly loadFactor: number;
  /** log.cleaner.io.buffer.size: read at a time, at most. */
  readonly ioBufferBytes: number;
  /** log.cleaner.io.max.bytes.per.second: read and written together. Infinity: no limit. */
  readonly maxBytesPerSecond: number;
}

/** Kafka 4.4.0's defaults. */
export const DEFAULT_CLEANER_SETTINGS: CleanerSettings = {
  dedupeBufferBytes: 134_217_728,
  loadFactor: 0.9,
  ioBufferBytes: 524_288,
  maxBytesPerSecond: Number.POSITIVE_INFINITY,
};
