import { Consumer, type Message, type MessageToProduce, Producer } from '@platformatic/kafka';
import { unique } from '../../support/broker-under-test.ts';
import type { RecordClient } from '../record-client.ts';
import type { FlatRecord } from '../record-file.ts';

const BYTES_PER_REQUEST = 200_000;
const DEADLINE_MS = 60_000;

/** It has no zstd of its own: Node has it from 22.15 on. */
const codecs = [
  'none',
  'gzip',
  'snappy',
  'lz4',
  ...('zstdCompressSync' in (await import('node:zlib')) ? (['zstd'] as const) : []),
] as const;

export const platformaticRecords: RecordClient = {
  name: '@platformatic/kafka',
  codecs,
  readsOfOthers: codecs.filter((codec) => codec !== 'snappy'), // it knows only the raw form, and most clients send that of xerial
  sendsAnyNull: true,

  async produce(bootstrap, topics, records) {
    for (const { topic, codec, idempotent = false } of topics) {
      const producer = new Producer({
        clientId: 'test',
        bootstrapBrokers: [bootstrap],
        compression: codec,
        idempotent,
        acks: -1,
        strict: true,
      });
      try {
        for (const some of requests(records)) {
          const { offsets = [] } = await producer.send({ messages: some.map((record) => message(topic, record)) });
          for (const { partition, offset } of offsets) {
            const expected = some.find((record) => record.partition === partition)!.offset;
            if (Number(offset) !== expected) throw new Error(`${topic}-${partition}: offset ${offset} instead of ${expected}`);
          }
        }
      } finally {
        await producer.close();
      }
    }
  },

  async read(bootstrap, topics, count, group = unique('reader')) {
    const consumer = new Consumer({ clientId: 'test', groupId: group, bootstrapBrokers: [bootstrap], autocommit: false, strict: true });
    const read = new Map(topics.map((topic) => [topic, [] as FlatRecord[]]));
    const last = new Map<string, Message>();
    try {
      const stream = await consumer.consume({ topics: [...topics], mode: 'earliest', maxWaitTime: 500 });
      const timer = setTimeout(() => stream.destroy(new Error(`too few records in ${DEADLINE_MS} ms`)), DEADLINE_MS);
      for await (const each of stream) {
        read.get(each.topic)!.push(flat(each));
        last.set(`${each.topic}/${each.partition}`, each);
        if ([...read.values()].every((some) => some.length >= count)) break;
      }
      clearTimeout(timer);
      const offsets = [...last.values()].map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: offset + 1n,
        leaderEpoch: -1,
      }));
      await consumer.commit({ offsets });
    } finally {
      await consumer.close(true);
    }
    return read;
  },
};

/** One call makes one batch for each partition; a batch stays below 1 MB. */
function requests(records: readonly FlatRecord[]): FlatRecord[][] {
  const result: FlatRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    const size = (record.value?.byteLength ?? 0) + 100;
    if (bytes + size > BYTES_PER_REQUEST) {
      result.push([]);
      bytes = 0;
    }
    result.at(-1)!.push(record);
    bytes += size;
  }
  return result.filter((some) => some.length > 0);
}

/** Its types know no null; the client takes undefined for a key, and null for what must be there. */
function message(topic: string, { partition, timestamp, key, value, headers }: FlatRecord): MessageToProduce {
  const pairs = new Map(headers.map(([name, of]) => [Buffer.from(name), of as Buffer]));
  return { topic, partition, timestamp: BigInt(timestamp), key: key ?? undefined, value: value as Buffer, headers: pairs };
}

function flat({ partition, offset, timestamp, key, value, headers }: Message): FlatRecord {
  const pairs = [...headers].map(([name, of]) => [String(name), of ?? null] as const);
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key: key ?? null, value: value ?? null, headers: pairs };
}
