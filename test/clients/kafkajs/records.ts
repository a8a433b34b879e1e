import kafkajs, { type Consumer, type IHeaders, type KafkaMessage, type Message } from 'kafkajs';
import { codecOf, MAX_DECOMPRESSED_BYTES } from '../../../src/protocol/records/compression.ts';
import { unique } from '../../support/broker-under-test.ts';
import { kafkaJs } from '../kafkajs-client.ts';
import { CODEC_NAMES, type CodecName, type RecordClient } from '../record-client.ts';
import type { FlatRecord } from '../record-file.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;
export const KAFKAJS_TYPES = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
} as const satisfies Record<CodecName, number>;
const PER_REQUEST = 500;
const DEADLINE_MS = 60_000;

/** kafkajs has gzip alone and takes the others from its user: here ours, which the broker uses too. */
export function registerCodecs(): void {
  for (const type of [KAFKAJS_TYPES.snappy, KAFKAJS_TYPES.lz4, KAFKAJS_TYPES.zstd] as const) {
    CompressionCodecs[type] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => codecOf(type).compress(buffer),
      decompress: async (buffer: Buffer) => codecOf(type).decompress(buffer, MAX_DECOMPRESSED_BYTES),
    });
  }
}

export const kafkaJsRecords: RecordClient = {
  name: 'kafkajs',
  codecs: CODEC_NAMES,
  readsOfOthers: CODEC_NAMES,
  sendsAnyNull: false,

  async produce(bootstrap, topics, records) {
    registerCodecs();
    for (const { topic, codec, idempotent = false } of topics) {
      const producer = await kafkaJs(bootstrap).producer({ idempotent, maxInFlightRequests: 1 });
      for (const some of requests(records)) {
        const sent = await producer.send({ topic, acks: -1, compression: KAFKAJS_TYPES[codec], messages: some.map(message) });
        for (const { partition, baseOffset } of sent) {
          const expected = some.find((record) => record.partition === partition)!.offset;
          if (Number(baseOffset) !== expected) throw new Error(`${topic}-${partition}: offset ${baseOffset} instead of ${expected}`);
        }
      }
    }
  },

  async read(bootstrap, topics, count, group = unique('reader')) {
    registerCodecs();
    const read = new Map(topics.map((topic) => [topic, [] as FlatRecord[]]));
    const consumer = await kafkaJs(bootstrap).consumer(group);
    for (const topic of topics) await consumer.subscribe({ topic, fromBeginning: true });
    await readUntil(consumer, read, () => [...read.values()].every((some) => some.length >= count));
    await consumer.stop(); // it commits what was read
    await consumer.disconnect();
    return read;
  },
};

function readUntil(consumer: Consumer, read: Map<string, FlatRecord[]>, done: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const lengths = () => [...read].map(([topic, some]) => `${some.length} of ${topic}`);
    const timer = setTimeout(() => reject(new Error(`read in ${DEADLINE_MS} ms: ${lengths()}`)), DEADLINE_MS);
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachBatch = async ({ batch }: { batch: { topic: string; partition: number; messages: KafkaMessage[] } }) => {
      read.get(batch.topic)!.push(...batch.messages.map((each) => flat(batch.partition, each)));
      if (!done()) return;
      clearTimeout(timer);
      resolve();
    };
    consumer.run({ eachBatch }).catch(reject);
  });
}

/** A large record goes alone: kafkajs makes one batch of all that one call sends to a partition. */
function requests(records: readonly FlatRecord[]): FlatRecord[][] {
  const result: FlatRecord[][] = [[]];
  for (const record of records) {
    const large = (record.value?.byteLength ?? 0) > 100_000;
    if (large || result.at(-1)!.length === PER_REQUEST) result.push([]);
    result.at(-1)!.push(record);
    if (large) result.push([]);
  }
  return result.filter((some) => some.length > 0);
}

function message({ partition, timestamp, key, value, headers }: FlatRecord): Message {
  return { partition, timestamp: String(timestamp), key, value, headers: Object.fromEntries(headers) as IHeaders };
}

function flat(partition: number, { offset, timestamp, key, value, headers = {} }: KafkaMessage): FlatRecord {
  const pairs = Object.entries(headers).map(([name, of]) => [name, (of as Buffer | null) ?? null] as const);
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key, value, headers: pairs };
}
