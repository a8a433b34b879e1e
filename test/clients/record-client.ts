import type { FlatRecord } from './record-file.ts';

export type CodecName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export const CODEC_NAMES: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export interface TopicToFill {
  readonly topic: string;
  readonly codec: CodecName;
  /** Default: what the client does by itself. */
  readonly idempotent?: boolean;
}

/** A client that sends and reads records byte for byte. */
export interface RecordClient {
  readonly name: string;
  /** Those that it sends and reads here. */
  readonly codecs: readonly CodecName[];
  /** Those of them that it reads when another client has sent them. */
  readonly readsOfOthers: readonly CodecName[];
  /** Whether it can send headers without a value, and records without key and value; each can read them. */
  readonly sendsAnyNull: boolean;
  /** Sends the records to each topic with acks=all. @throws Error when one fails or gets another offset than its own */
  produce(bootstrap: string, topics: readonly TopicToFill[], records: readonly FlatRecord[]): Promise<void>;
  /** Reads each topic from its beginning until it has `count` records of it: all partitions by assignment, or in a group, which then commits. */
  read(bootstrap: string, topics: readonly string[], count: number, group?: string): Promise<Map<string, FlatRecord[]>>;
}
