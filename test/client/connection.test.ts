import { expect, test } from 'vitest';
import { Connection, type ConnectionOptions } from '../../src/client/connection.ts';
import { BufferPool } from '../../src/core/bytes.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import type { Wire } from '../../src/core/transport.ts';
import { ApiVersions, DescribeCluster, Fetch, Heartbeat, Produce } from '../../src/protocol/messages/index.ts';

/** A peer whose frames the test reads and writes by hand. */
async function connected(options: ConnectionOptions = {}) {
  const clock = fakeClock();
  const network = memoryNetwork(clock);
  const received: Buffer[] = [];
  let accepted: Wire | undefined;
  let closedSeen = false;
  await network.transport('broker').listen({ host: 'broker', port: 9092 }, (wire) => {
    accepted = wire;
    wire.start({ data: (chunk) => received.push(Buffer.from(chunk)), drained: () => {}, closed: () => (closedSeen = true) });
  });
  const connection = await Connection.open(network.transport('client'), clock, { host: 'broker', port: 9092 }, options);
  const broker = {
    answer: (correlationId: number, body: string) => {
      const bytes = Buffer.from(body, 'hex');
      const frame = Buffer.alloc(8 + bytes.length);
      frame.writeInt32BE(4 + bytes.length, 0);
      frame.writeInt32BE(correlationId, 4);
      bytes.copy(frame, 8);
      accepted!.write([frame]);
    },
    write: (hex: string) => accepted!.write([Buffer.from(hex, 'hex')]),
    close: () => accepted!.close(),
    received: () => Buffer.concat(received).toString('hex'),
    sawClose: () => closedSeen,
  };
  return { clock, network, connection, broker };
}

const HEARTBEAT = { groupId: 'g', generationId: 1, memberId: 'm' };

test('a request is framed with header v1 below the first flexible version', async () => {
  const { clock, connection, broker } = await connected({ clientId: 'me' });
  void connection.request(Heartbeat, 0, HEARTBEAT).catch(() => {});
  await clock.settle();
  // length 22 · key 12 · version 0 · correlation id 0 · "me" · "g" · generation 1 · "m"
  expect(broker.received()).toBe('00000016000c0000000000000002' + '6d65' + '000167' + '00000001' + '00016d');
});

test('a flexible request has a tag section behind its header and its body', async () => {
  const { clock, connection, broker } = await connected({ clientId: 'me' });
  void connection.request(DescribeCluster, 0, { includeClusterAuthorizedOperations: true }).catch(() => {});
  await clock.settle();
  expect(broker.received()).toBe('0000000f' + '003c0000' + '00000000' + '00026d65' + '00' + '01' + '00');
});

test('responses find their requests by correlation id, in whatever order they come', async () => {
  const { connection, broker } = await connected();
  const first = connection.request(Heartbeat, 0, HEARTBEAT);
  const second = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.answer(1, '001b');
  broker.answer(0, '0019');
  expect(await second).toMatchObject({ errorCode: 27 });
  expect(await first).toMatchObject({ errorCode: 25 });
});

test('the response header of ApiVersions has no tag section at any version', async () => {
  const { connection, broker } = await connected();
  const answer = connection.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
  broker.answer(0, '0000' + '02' + '001200000004' + '00' + '00000000' + '00');
  expect((await answer).apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
});

test('a request sent without waiting takes a correlation id and leaves nothing behind', async () => {
  const { clock, connection, broker } = await connected();
  connection.send(Produce, 3, { acks: 0, timeoutMs: 0, topicData: [] });
  const answer = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.answer(1, '0000');
  expect(await answer).toMatchObject({ errorCode: 0 });
  expect(clock.pending()).toBe(0);
});

test('when the broker closes the connection every waiting request fails, and every later one', async () => {
  const { clock, connection, broker } = await connected();
  const waiting = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.close();
  await expect(waiting).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION', message: expect.stringContaining('the broker closed it') });
  await expect(connection.request(Heartbeat, 0, HEARTBEAT)).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION' });
  expect(connection.closedReason()).toBe(await connection.closed);
  expect(clock.pending()).toBe(0);
});

test('a request without a response times out and takes the connection with it', async () => {
  const { clock, network, connection, broker } = await connected({ requestTimeoutMs: 500 });
  const slow = connection.request(Heartbeat, 0, HEARTBEAT);
  const behind = connection.request(Heartbeat, 0, HEARTBEAT, 10_000);
  slow.catch(() => {});
  behind.catch(() => {});
  await clock.advance(499);
  expect(connection.closedReason()).toBeNull();
  await clock.advance(1);
  await expect(slow).rejects.toMatchObject({ errorName: 'REQUEST_TIMED_OUT' });
  await expect(behind).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION' });
  await clock.settle();
  expect(broker.sawClose()).toBe(true);
  expect(network.open()).toBe(0);
  expect(clock.pending()).toBe(0);
});

test('one request more than may be in flight is refused, and there is room again after a response', async () => {
  const { connection, broker } = await connected({ maxInFlight: 2 });
  const first = connection.request(Heartbeat, 0, HEARTBEAT);
  void connection.request(Heartbeat, 0, HEARTBEAT).catch(() => {});
  await expect(connection.request(Heartbeat, 0, HEARTBEAT)).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION' });
  broker.answer(0, '0000');
  await first;
  const third = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.answer(2, '0000');
  expect(await third).toMatchObject({ errorCode: 0 });
});

test('a response larger than the limit closes the connection before anything is gathered', async () => {
  const { connection, broker } = await connected({ maxFrameBytes: 16 });
  const answer = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.write('00000011');
  await expect(answer).rejects.toMatchObject({ message: expect.stringContaining('frame of 17 bytes') });
});

test('a response that nobody asked for closes the connection', async () => {
  const { connection, broker } = await connected();
  broker.answer(7, '0000');
  expect((await connection.closed).message).toContain('request 7');
});

test('a response with bytes left over fails its request alone', async () => {
  const { connection, broker } = await connected();
  const bad = connection.request(Heartbeat, 0, HEARTBEAT);
  const good = connection.request(Heartbeat, 0, HEARTBEAT);
  broker.answer(0, '000000');
  broker.answer(1, '0000');
  await expect(bad).rejects.toThrow('1 bytes left');
  expect(await good).toMatchObject({ errorCode: 0 });
});

test('where nobody listens, opening fails with a message that names the address', async () => {
  const clock = fakeClock();
  const opening = Connection.open(memoryNetwork(clock).transport('client'), clock, { host: 'nowhere', port: 1 });
  await expect(opening).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION', message: expect.stringContaining('nowhere:1') });
});

test('a request with records too large to copy is framed as a small one is', async () => {
  const { clock, connection, broker } = await connected({ clientId: 'me' });
  const records = Buffer.alloc(20_000, 7);
  connection.send(Produce, 3, { acks: 0, timeoutMs: 0, topicData: [{ name: 't', partitionData: [{ index: 5, records }] }] });
  await clock.settle();
  const head = '0000' + '0003' + '00000000' + '00026d65' + 'ffff' + '0000' + '00000000' + '00000001' + '000174' + '00000001' + '00000005';
  const frame = `${head}00004e20${records.toString('hex')}`;
  expect(broker.received()).toBe((frame.length / 2).toString(16).padStart(8, '0') + frame);
});

test('a large response lies in memory of the pool until it is given back', async () => {
  const pool = new BufferPool(2 ** 20);
  const { clock, connection, broker } = await connected({ pool });
  const fetched = connection.requestLent(Fetch, 4, { maxWaitMs: 0, minBytes: 0, topics: [] });
  const records = Buffer.alloc(30_000, 9);
  const partition = '00000000' + '0000' + '0000000000000001' + '0000000000000001' + '00000000' + '00007530' + records.toString('hex');
  broker.answer(0, `000000000000000100017400000001${partition}`);
  await clock.settle();
  const { response, release } = await fetched;
  expect(response.responses[0]!.partitions[0]!.records).toEqual(records);
  expect(pool.idleBytes()).toBe(0);
  release();
  expect(pool.idleBytes()).toBe(65_536);
});
