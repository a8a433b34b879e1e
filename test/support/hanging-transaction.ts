import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.ts';
import { batchBytes, T0 } from '../../src/conformance/batch-bytes.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { Produce } from '../../src/protocol/messages/index.ts';

const TRANSACTIONAL = 16;
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER: a topic that is only just there. */
const NOT_YET = [3, 5, 6];
const TRIES = 100;

export interface HangingTransaction {
  readonly topic: string;
  readonly producerId: number;
  readonly producerEpoch?: number;
  /** Of its one record; default years ago. */
  readonly timestamp?: number;
}

/**
 * Writes a record of a transaction that no coordinator knows to partition 0, as it could happen before KIP-890: the broker must have
 * transaction.partition.verification.enable turned off. @returns its offset
 */
export async function hang(
  bootstrap: string,
  { topic, producerId, producerEpoch = 0, timestamp = T0 }: HangingTransaction,
): Promise<number> {
  const [host, port] = bootstrap.split(':');
  const connection = await Connection.open(tcpTransport, realClock, { host: host!, port: Number(port) });
  const records = batchBytes({ values: ['hanging'], producerId, producerEpoch, baseSequence: 0, attributes: TRANSACTIONAL, timestamp });
  try {
    for (let tries = 0; ; tries++) {
      const { responses } = await connection.request(Produce, 11, {
        transactionalId: 'nobody-knows-it',
        acks: -1,
        timeoutMs: 20_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
      });
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
      if (errorCode === 0) return baseOffset;
      if (!NOT_YET.includes(errorCode) || tries === TRIES) throw new Error(`Produce: error ${errorCode}`);
      await sleep(100);
    }
  } finally {
    await connection.close();
  }
}
