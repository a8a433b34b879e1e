import type { Clock } from '../../src/core/clock.ts';
import { type BatchInput, buildBatch } from '../../src/protocol/records/build.ts';
import { rulesOf } from '../../src/storage/batch-check.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { AppendInfo, PartitionLog } from '../../src/storage/partition-log.ts';
import { PreparationSlots } from '../../src/storage/preparation-slots.ts';
import { ProduceLine } from '../../src/storage/produce-line.ts';
import { testConfig } from './log-fixture.ts';

export interface LineFixture {
  readonly line: ProduceLine;
  /** Base offsets in the order in which batches reached the log. */
  readonly appended: number[];
  /** Produces; resolves when the write is finished, rejects when the batch is refused. */
  produce(records: Uint8Array): Promise<AppendInfo>;
}

/** The line of produced batches before a log, without a broker around it. */
export function lineOf(log: PartitionLog, clock: Clock, changes: Partial<LogConfig> = {}, slots = new PreparationSlots()): LineFixture {
  const config = testConfig(changes);
  const appended: number[] = [];
  const line = new ProduceLine({
    clock,
    slots,
    requirements: () => ({ rules: rulesOf(config, 'orders-0'), compression: config.compression, repeats: (batch) => log.repeats(batch) }),
    append: (records, valid, done) => {
      const info = log.append(records, valid ? { leaderEpoch: 0, valid } : { leaderEpoch: 0 }, done);
      appended.push(info.baseOffset);
      return info;
    },
  });
  const produce = (records: Uint8Array) =>
    new Promise<AppendInfo>((resolve, reject) => line.take(records, (error, info) => (info ? resolve(info) : reject(error))));
  return { line, appended, produce };
}

/** One record with a value of that many bytes, compressed. */
export const batchOf = (codecId: number, valueBytes: number, more: Partial<BatchInput> = {}): Buffer =>
  buildBatch({ records: [{ value: Buffer.alloc(valueBytes, 'v'), timestamp: 1000 }], ...more, attributes: codecId });
