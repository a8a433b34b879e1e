import { expect, test } from 'vitest';
import { keptStore, memoryBroker } from '../support/memory-broker.ts';

const request = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };

test.each([0, 1, 2, 3, 4, 5])('v%i: each call gives another id, with epoch 0', async (version) => {
  const { broker, client } = await memoryBroker();
  const caller = await client();
  const replies = await Promise.all(Array.from({ length: 50 }, () => caller.call('InitProducerId', version, request)));
  expect(new Set(replies.map(({ producerId }) => producerId)).size).toBe(50);
  for (const reply of replies) expect(reply).toMatchObject({ errorCode: 0, producerEpoch: 0 });
  await broker.close();
});

test('no id is given twice, over more than a block of 1000 and over restarts', async () => {
  const openStore = keptStore();
  const given = new Set<unknown>();
  for (let run = 0; run < 3; run++) {
    const { broker, client } = await memoryBroker({ openStore });
    const [one, two] = [await client(), await client()];
    const replies = await Promise.all(Array.from({ length: 1100 }, (_, i) => (i % 2 ? one : two).call('InitProducerId', 4, request)));
    for (const { producerId } of replies) given.add(producerId);
    await broker.close();
  }
  expect(given.size).toBe(3300);
  expect(given.has(-1)).toBe(false);
});

test('an empty transactional id is refused', async () => {
  const { broker, client } = await memoryBroker();
  const reply = await (await client()).call('InitProducerId', 4, { ...request, transactionalId: '' });
  expect(reply).toMatchObject({ errorCode: 42, producerId: -1, producerEpoch: -1 });
  await broker.close();
});

// KIP-588: 90 is PRODUCER_FENCED, which clients of older versions do not know.
test.each([
  [3, 47],
  [4, 90],
])('v%i: a producer that another one has replaced is told %i', async (version, errorCode) => {
  const { broker, client } = await memoryBroker();
  const caller = await client();
  const begins = { ...request, transactionalId: 't' };
  await caller.call('FindCoordinator', 3, { key: 't', keyType: 1 });
  const { producerId } = await caller.call('InitProducerId', 4, begins);
  await caller.call('InitProducerId', 4, begins);
  const reply = await caller.call('InitProducerId', version, { ...begins, producerId, producerEpoch: 0 });
  expect(reply).toMatchObject({ errorCode, producerId: -1, producerEpoch: -1 });
  await broker.close();
});
