import { CompressionTypes, type Producer } from 'kafkajs';
import { expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { prng } from '../support/prng.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { differences, type KeyedRecord, keyedRecords } from './keyed-records.ts';
import { readAll } from './read-all.ts';

const broker = brokerUnderTest();
const RECORDS = 100_000;
const KEYS = 1_000;
const PER_REQUEST = 1_000;

/** Sends in order, one request after the other, by turns uncompressed and with gzip. */
async function sendAll(producer: Producer, topic: string, records: readonly KeyedRecord[]) {
  for (let at = 0; at < records.length; at += PER_REQUEST) {
    const compression = (at / PER_REQUEST) % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP;
    const part = records.slice(at, at + PER_REQUEST);
    await producer.send({ topic, compression, messages: part.map(({ key, value, headers }) => ({ key, value, headers })) });
  }
}

test(`${RECORDS} keyed records, plain and gzip, come back exactly and in order per key, again after a restart and after kill -9`, async () => {
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  const client = kafkaJs(broker.bootstrap);
  const topic = unique('records');
  const group = unique('group');
  const admin = await client.admin();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  const records = keyedRecords(prng(seed), RECORDS, KEYS);
  await sendAll(await client.producer(), topic, records);

  expect(differences(records, await readAll(client, topic, group))).toEqual([]);
  const committed = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  const ends = await admin.fetchTopicOffsets(topic);
  expect(inOrder(committed[0]!.partitions).map(({ offset }) => offset)).toEqual(inOrder(ends).map(({ high }) => high));
  if (foreignBroker) return;

  expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
  await broker.process.start();
  expect(differences(records, await readAll(client, topic))).toEqual([]);
  expect(await admin.fetchOffsets({ groupId: group, topics: [topic] })).toEqual(committed);

  await broker.process.kill();
  await broker.process.start();
  expect(differences(records, await readAll(client, topic))).toEqual([]);
  expect(await admin.fetchOffsets({ groupId: group, topics: [topic] })).toEqual(committed);
}, 240_000);

test.skipIf(foreignBroker)(
  'what was acknowledged before kill -9 under load is there afterwards, and the topic takes records again',
  async () => {
    const client = kafkaJs(broker.bootstrap);
    const topic = unique('killed');
    await (await client.admin()).createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    const producer = await kafkaJs(broker.bootstrap, { retries: 0 }).producer();
    const acknowledged: string[] = [];
    let killed: Promise<unknown> | null = null;
    for (let n = 0; killed === null || acknowledged.length < 500; n++) {
      try {
        await producer.send({ topic, messages: [{ key: 'k', value: `${n}` }] });
      } catch (error) {
        if (killed === null) throw error;
        break;
      }
      acknowledged.push(`${n}`);
      // Not awaited: requests are under way when the signal arrives.
      if (acknowledged.length === 300) killed = broker.process.kill();
    }
    await killed;
    await broker.process.start();

    const read = (await readAll(client, topic)).map(({ value }) => value);
    expect(read.slice(0, acknowledged.length)).toEqual(acknowledged);
    expect(read.length).toBeLessThanOrEqual(acknowledged.length + 1); // the one request without an answer may have been written

    await (await client.producer()).send({ topic, messages: [{ key: 'k', value: 'after' }] });
    expect((await readAll(client, topic)).map(({ value, offset }) => ({ value, offset })).at(-1)).toEqual({
      value: 'after',
      offset: read.length,
    });
  },
);

function inOrder<T extends { readonly partition: number }>(partitions: readonly T[]): T[] {
  return [...partitions].sort((a, b) => a.partition - b.partition);
}
