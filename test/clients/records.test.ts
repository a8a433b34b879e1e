import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { CODEC_NAMES, type CodecName, type RecordClient, type TopicToFill } from './record-client.ts';
import { recordClients } from './record-clients.ts';
import { type FlatRecord, flatRecords, wrongRecords } from './record-file.ts';

const broker = brokerUnderTest();
const clients = recordClients();
const RECORDS = 10_000;
const PARTITIONS = 2;
/** Ten topics with each client. */
const TIMEOUT_MS = 200_000;
const seed = Date.now() % 1_000_000;
console.log(`seed ${seed}`);

const records = flatRecords(seed, RECORDS, PARTITIONS);
const withFewerNulls = records.map((record) => ({
  ...record,
  key: record.key ?? (record.value === null ? Buffer.from('key') : null),
  headers: record.headers.filter(([, value]) => value !== null),
}));
/** The topics that each client has filled, by its name. */
const filled = new Map<string, TopicToFill[]>();

const sentBy = (client: RecordClient): readonly FlatRecord[] => (client.sendsAnyNull ? records : withFewerNulls);

async function createTopics(topics: readonly string[]): Promise<void> {
  const admin = await kafkaJs(broker.bootstrap).admin();
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })), waitForLeaders: true });
}

function wrongIn(sent: readonly FlatRecord[], read: ReadonlyMap<string, readonly FlatRecord[]>): string[] {
  return [...read].flatMap(([topic, some]) => wrongRecords(sent, some).map((wrong) => `${topic}: ${wrong}`));
}

/** The codecs of the batches in the first segments of a topic, as the broker keeps them. */
function codecsOnDisk(topic: string): Set<CodecName> {
  const logs = Array.from({ length: PARTITIONS }, (_, n) =>
    readFileSync(join(broker.process.data, `${topic}-${n}`, '00000000000000000000.log')),
  );
  return new Set(
    logs.flatMap((log) => {
      const found: CodecName[] = [];
      for (let at = 0; at < log.byteLength; at += 12 + log.readInt32BE(at + 8)) found.push(CODEC_NAMES[log.readInt16BE(at + 21) & 7]!);
      return found;
    }),
  );
}

/** What the group has committed, by partition. */
async function committed(group: string, topic: string): Promise<number[]> {
  const [answer] = await (await kafkaJs(broker.bootstrap).admin()).fetchOffsets({ groupId: group, topics: [topic] });
  return answer!.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
}

describe.each(clients)('$name', (client) => {
  test(
    `sends ${RECORDS} records with each of ${client.codecs.join(', ')}, idempotently and not, and reads them byte for byte`,
    async () => {
      const toFill = client.codecs.flatMap((codec) =>
        [false, true].map((idempotent) => ({ topic: unique(`${codec}-${idempotent ? 'idempotent' : 'plain'}`), codec, idempotent })),
      );
      const topics = toFill.map(({ topic }) => topic);
      await createTopics(topics);
      await client.produce(broker.bootstrap, toFill, sentBy(client));
      const read = await client.read(broker.bootstrap, topics, RECORDS);
      expect([...read.keys()]).toEqual(topics);
      expect(wrongIn(sentBy(client), read)).toEqual([]);
      filled.set(client.name, toFill);
      if (foreignBroker) return;
      // What does not get smaller is sent as it is by some.
      for (const { topic, codec } of toFill) expect([...codecsOnDisk(topic)]).toContain(codec);
      for (const { topic, codec } of toFill) expect(['none', codec]).toEqual(expect.arrayContaining([...codecsOnDisk(topic)]));
    },
    TIMEOUT_MS,
  );
});

describe.each(clients.map((client, n) => ({ client, other: clients.at(n - 1)! })))('$client.name', ({ client, other }) => {
  test(
    `reads in a group, which commits all of it, what ${other.name} has sent`,
    async () => {
      const readable = filled.get(other.name)!.filter(({ codec, idempotent }) => idempotent && client.readsOfOthers.includes(codec));
      const topics = readable.map(({ topic }) => topic);
      const group = unique('group');
      const read = await client.read(broker.bootstrap, topics, RECORDS, group);
      expect([...read.keys()]).toEqual(topics);
      expect(wrongIn(sentBy(other), read)).toEqual([]);
      const ends = Array.from({ length: PARTITIONS }, (_, partition) => records.filter((record) => record.partition === partition).length);
      for (const topic of topics) expect(await committed(group, topic)).toEqual(ends);
    },
    TIMEOUT_MS,
  );
});
