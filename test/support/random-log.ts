import { BatchView, CONTROL_BIT, DELETE_HORIZON_BIT, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';

export interface RandomLogOptions {
  readonly batches: number;
  readonly keys: number;
  /** Timestamps are near it. */
  readonly nowMs: number;
  /** Codec ids to choose from. */
  readonly codecs: readonly number[];
  /** Of records without a key: from before the topic was compacted. */
  readonly keyless?: number;
  /** Before these batches, by number, all transactions are ended. */
  readonly settledAt?: readonly number[];
}

interface Producer {
  readonly id: number;
  readonly isTransactional: boolean;
  epoch: number;
  sequence: number;
  inTransaction: boolean;
}

const MARKER_VALUE = Buffer.from([0, 0, 0, 0, 0, 1]);
const ABORT = 0;
const COMMIT = 1;

/**
 * Batches of a log as a leader might have them, in order: of idempotent, transactional and plain producers, in every codec asked for, with
 * tombstones, records without key, log append time, gaps of an earlier compaction, and markers that commit or abort. Some transactions stay
 * open.
 */
export function randomLog(
  random: () => number,
  { batches, keys, nowMs, codecs, keyless = 0.03, settledAt = [] }: RandomLogOptions,
): Buffer[] {
  const below = (n: number) => Math.floor(random() * n);
  const producers: Producer[] = Array.from({ length: 6 }, (_, i) => ({
    ...{ id: 1000 + i, isTransactional: i >= 2, epoch: 0, sequence: 0, inTransaction: false },
  }));
  let nextOffset = 0;
  let leaderEpoch = 0;
  const made: Buffer[] = [];

  const marker = (producer: Producer): Buffer => {
    const type = random() < 0.5 ? ABORT : COMMIT;
    const records = [{ key: Buffer.from([0, 0, 0, type]), value: MARKER_VALUE, timestamp: nowMs + below(1000) }];
    const attributes = TRANSACTIONAL_BIT | CONTROL_BIT;
    producer.inTransaction = false;
    return buildBatch({
      ...{ records, attributes, baseOffset: nextOffset, partitionLeaderEpoch: leaderEpoch },
      ...{ producerId: producer.id, producerEpoch: producer.epoch, baseSequence: -1 },
    });
  };

  const data = (producer: Producer | undefined): Buffer => {
    const count = 1 + below(5);
    const records = Array.from({ length: count }, (): RecordInput => {
      const key = random() < keyless ? null : Buffer.from(`key-${below(keys)}`.padEnd(5 + below(2) * 30, '.'));
      const value = random() < 0.15 ? null : Buffer.alloc(below(80), `${nextOffset} `);
      const headers = random() < 0.1 ? [{ key: 'h', value: Buffer.from([below(256)]) }] : [];
      return { key, value, headers, timestamp: nowMs - 5000 + below(10_000) };
    });
    let attributes = codecs[below(codecs.length)]!;
    if (random() < 0.1) attributes |= LOG_APPEND_TIME_BIT;
    if (random() < 0.03) attributes |= DELETE_HORIZON_BIT;
    if (producer?.isTransactional) attributes |= TRANSACTIONAL_BIT;
    const batch = buildBatch({
      ...{ records, attributes, baseOffset: nextOffset, partitionLeaderEpoch: leaderEpoch },
      ...(producer && { producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence }),
    });
    if (producer) {
      producer.sequence += count;
      producer.inTransaction = producer.isTransactional;
    }
    return batch;
  };

  const add = (batch: Buffer) => {
    made.push(batch);
    nextOffset = new BatchView(batch).nextOffset;
  };

  while (made.length < batches) {
    if (settledAt.includes(made.length)) for (const producer of producers) if (producer.inTransaction) add(marker(producer));
    if (random() < 0.02) leaderEpoch++;
    if (random() < 0.02) nextOffset += below(20);
    const producer = random() < 0.3 ? undefined : producers[below(producers.length)]!;
    if (producer && !producer.inTransaction && random() < 0.01) {
      producer.epoch++;
      producer.sequence = 0;
    }
    add(producer?.inTransaction && random() < 0.4 ? marker(producer) : data(producer));
  }
  return made;
}
