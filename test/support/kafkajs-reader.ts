import { createRequire } from 'node:module';

export interface KafkajsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null | (Buffer | null)[]>>;
}
export interface KafkajsBatch {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly lastOffsetDelta: number;
  /** 0: create time, 1: log append time. */
  readonly timestampType: number;
  readonly records: readonly KafkajsRecord[];
}

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<KafkajsBatch>;

/** A record batch as kafkajs reads it: plain or gzip, which it can decompress by itself. */
export const readByKafkajs = (batch: Buffer): Promise<KafkajsBatch> => decodeBatch(new Decoder(batch));
