import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { ListOffsets, Produce } from '../../src/protocol/messages/index.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { startBrokerProcess } from '../support/broker-process.ts';
import { foreignBroker } from '../support/broker-under-test.ts';
import { kafkaJs } from './kafkajs-client.ts';

/** Only by hand, RECOVERY_GIB=2 say: it writes that much for each size of batch. */
const GIB = Number(process.env.RECOVERY_GIB ?? 0);
const BYTES = GIB * 1024 ** 3;
const TOPIC = 'recovered';
const VALUE_BYTES = 1000;
const IN_FLIGHT = 8;
const MAX_SECONDS_PER_GIB = 1;
/** The default of offsets of a leader's end. */
const LATEST = -1;
const CLOCK_TICKS_PER_SECOND = 100;

async function connect(port: number): Promise<Connection> {
  return Connection.open(tcpTransport, realClock, { host: 'localhost', port }, { requestTimeoutMs: 120_000 });
}

function batchOf(bytes: number): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, 'some text to recover ');
  return buildBatch({ records: Array.from({ length: Math.floor(bytes / VALUE_BYTES) }, () => ({ value, timestamp: 1_700_000_000_000 })) });
}

async function produce(connection: Connection, records: Buffer): Promise<void> {
  const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records }] }];
  const reply = await connection.request(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData });
  expect(reply.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
}

async function endOffset(connection: Connection): Promise<number> {
  const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: LATEST }] }];
  const reply = await connection.request(ListOffsets, 7, { replicaId: -1, isolationLevel: 0, topics });
  const answer = reply.topics[0]!.partitions[0]!;
  expect(answer.errorCode).toBe(0);
  return answer.offset;
}

/** CPU seconds that the process over this data directory has used; null where there is no /proc. What a busy machine does not distort. */
function cpuSeconds(data: string): number | null {
  if (process.platform !== 'linux') return null;
  const isBroker = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(data);
    } catch {
      return false; // it has ended meanwhile
    }
  };
  const pid = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find(isBroker);
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13).map(Number);
  return (user! + system!) / CLOCK_TICKS_PER_SECOND;
}

test.skipIf(foreignBroker || GIB === 0).each([16, 900])(
  `${GIB} GiB in batches of %d KiB, of which nothing counts as flushed, are recovered in less than ${MAX_SECONDS_PER_GIB} s/GiB`,
  async (kib) => {
    const broker = await startBrokerProcess();
    try {
      await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }], waitForLeaders: true });
      const batch = batchOf(kib * 1024);
      const count = Math.ceil(BYTES / batch.byteLength);
      const connection = await connect(broker.port);
      let next = 0;
      const lane = async () => {
        while (next++ < count) await produce(connection, batch);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
      const end = await endOffset(connection);
      await broker.kill();
      rmSync(join(broker.data, 'recovery-point-offset-checkpoint'), { force: true });

      const spawned = performance.now();
      await broker.start();
      const listens = performance.now();
      const after = await connect(broker.port);
      expect(await endOffset(after)).toBe(end);
      await produce(after, batch);
      const seconds = (performance.now() - spawned) / 1000;
      const parts = [
        `${kib} KiB: listens after ${((listens - spawned) / 1000).toFixed(2)} s`,
        `produced after ${seconds.toFixed(2)} s (${(seconds / GIB).toFixed(2)} s/GiB)`,
        `CPU ${cpuSeconds(broker.data)?.toFixed(2)} s`,
      ];
      console.log(parts.join(', '));
      expect(seconds / GIB).toBeLessThan(MAX_SECONDS_PER_GIB);
    } finally {
      await broker.remove();
    }
  },
  600_000,
);
