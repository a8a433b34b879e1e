import { beforeEach, expect, test } from 'vitest';
import { message, messages } from '../../src/conformance/scenarios/legacy-bytes.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import { chance as chanceOf } from '../fuzz/chance.ts';
import { hostileMessageSet } from '../fuzz/message-sets.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const OLD_VERSIONS = [0, 1, 2];
const ABC = ['a', 'b', 'c'];
let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders');
  client = await on.client();
  return () => on.broker.close();
});

async function values(): Promise<string[]> {
  const { records } = firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'orders' }])));
  return Array.from(eachBatch(records as Buffer), (batch) =>
    readRecords(batch)
      .map(({ value }) => String(value))
      .join(),
  );
}

test.each(OLD_VERSIONS)('Produce v%i is advertised, takes messages of either magic, and answers with their offsets', async (version) => {
  const { apiKeys } = (await client.call('ApiVersions', 0)) as { apiKeys: { apiKey: number; minVersion: number }[] };
  expect(apiKeys.filter(({ apiKey }) => apiKey < 2).map(({ minVersion }) => minVersion)).toEqual([0, 0]);
  for (const [n, magic] of [0, 1].entries())
    expect(firstPartition(await client.call('Produce', version, produceBody('orders', messages(magic, ABC))))).toMatchObject({
      errorCode: 0,
      baseOffset: 3 * n,
    });
  expect(await values()).toEqual(['a,b,c', 'a,b,c']);
});

test.each(OLD_VERSIONS)('Produce v%i with acks=0 is not answered, and closes the connection when it fails', async (version) => {
  client.tell('Produce', version, produceBody('orders', messages(0, ABC), { acks: 0 }));
  await on.clock.settle();
  expect(await values()).toEqual(['a,b,c']);
  client.tell('Produce', version, produceBody('orders', message({ magic: 0, value: 'x', crc: 1 }), { acks: 0 }));
  await client.closed;
});

test.each(OLD_VERSIONS)('Produce v%i takes one record batch, and nothing that follows it', async (version) => {
  const batch = () => buildBatch({ records: ABC.map((value) => ({ value: Buffer.from(value) })) });
  const produce = async (records: Buffer) =>
    firstPartition(await client.call('Produce', version, produceBody('orders', records))).errorCode;
  expect(await produce(batch())).toBe(0);
  expect(await produce(Buffer.concat([batch(), Buffer.alloc(5)]))).toBe(0);
  expect(await produce(Buffer.concat([batch(), batch()]))).toBe(87);
  expect(await produce(Buffer.concat([messages(1, ABC), batch()]))).toBe(87);
  expect(await values()).toEqual(['a,b,c', 'a,b,c']);
});

test('message sets are still refused from v3 on', async () => {
  for (const version of [3, 9])
    expect(firstPartition(await client.call('Produce', version, produceBody('orders', messages(1, ABC)))).errorCode).toBe(87);
});

test('whatever a message set holds, it is taken or refused with a code that says why, and the log stays readable', async () => {
  const seed = Number(process.env.MESSAGE_SET_SEED ?? Date.now() % 1_000_000);
  const chance = chanceOf(seed);
  const codes = new Set<number>();
  for (let n = 0; n < 500; n++) {
    const set = hostileMessageSet(chance, [buildBatch({ records: [{ value: Buffer.alloc(1000) }], attributes: 3 })]);
    codes.add(Number(firstPartition(await client.call('Produce', chance.below(3), produceBody('orders', set))).errorCode));
  }
  expect([...codes].sort(), `MESSAGE_SET_SEED=${seed}`).not.toContain(-1);
  expect(codes).toContain(0);
  for (const version of [0, 2, 11]) {
    const { errorCode, records } = firstPartition(await client.call('Fetch', version, fetchBody([{ topic: 'orders' }])));
    expect([errorCode, (records as Buffer).byteLength > 0]).toEqual([0, true]);
  }
  await values(); // throws where a batch cannot be read
});
