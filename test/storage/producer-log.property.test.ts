import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, closeStore, flush, openStore, orders, read, truncate } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

/** One batch in the log; the model is the list of them, and every answer is looked up in it from the end. */
interface Written {
  readonly producerId: number;
  readonly epoch: number;
  readonly first: number;
  readonly count: number;
  readonly offset: number;
}

const SEQUENCES = 2 ** 31;
const PRODUCERS = 3;

const send = fc.record({
  producer: fc.nat(PRODUCERS), // the last one is no idempotent producer
  /** Batches back from what would be next: 0 the next, 1 the last again, ...; beyond what there is: a gap. */
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.constant(-1) }),
  count: fc.integer({ min: 1, max: 3 }),
  epochStep: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
});
const command = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('send' as const), sends: fc.array(send, { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), seed: fc.option(fc.nat(), { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), at: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), sends: fc.array(send, { minLength: 1, maxLength: 5 }) }) },
);

async function contents(log: PartitionLog): Promise<Written[]> {
  const all: Written[] = [];
  for (let offset = 0; ; ) {
    const chunk = await read(log, offset);
    if (!chunk) return all;
    for (const { producerId, producerEpoch, baseSequence, count, baseOffset } of eachBatch(chunk.bytes))
      all.push({ producerId, epoch: producerEpoch, first: baseSequence, count, offset: baseOffset });
    offset = chunk.nextOffset;
    chunk.release();
  }
}

test('each batch of an idempotent producer is in the log once, in order, whatever is repeated, lost or cut off', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 30 }),
      fc.constantFrom(250, 700, 100_000),
      async (commands, segmentBytes) => {
        const files = memoryFiles();
        const config = { segmentBytes, indexIntervalBytes: 150 };
        let store = openStore(files, '/data', fakeClock(), 4);
        let log = orders(store, config);
        let model: Written[] = [];
        let flushed = 0;
        /** The oldest offset whose batch must be known again: after a restart that may be the last of each producer alone. */
        let remembered = 0;
        const reopen = () => {
          store = openStore(files, '/data', fakeClock(), 4);
          log = orders(store, config);
        };
        const endOf = () => (model.length > 0 ? model.at(-1)!.offset + model.at(-1)!.count : 0);

        /** Sends one batch as a producer would that knows the log, or does not; holds the answer to the model. */
        const sendOne = ({ producer, back, count, epochStep }: { producer: number; back: number; count: number; epochStep: number }) => {
          const producerId = producer === PRODUCERS ? -1 : producer;
          const own = model.filter((batch) => producerId >= 0 && batch.producerId === producerId);
          const last = own.at(-1);
          const epoch = producerId < 0 ? -1 : (last?.epoch ?? 1) + epochStep;
          const window = own.filter((batch) => batch.epoch === epoch);
          const repeated = back > 0 ? window.at(-back) : undefined;
          const next = last ? (last.first + last.count) % SEQUENCES : SEQUENCES - 4; // soon wraps
          let first = repeated?.first ?? (epochStep > 0 && back === 0 ? 0 : (next + (back === 0 ? 0 : 1)) % SEQUENCES);
          if (producerId < 0) first = -1;
          const size = repeated?.count ?? count;
          const batch = batchBytes({
            values: Array.from({ length: size }, () => 'x'),
            producerId,
            producerEpoch: epoch,
            baseSequence: first,
          });

          let answer: { offset: number; done: Promise<void> } | string;
          try {
            const { info, done } = append(log, batch);
            answer = { offset: info.baseOffset, done };
          } catch (error) {
            answer = error instanceof KafkaError ? error.errorName : String(error);
          }
          const offset = typeof answer === 'string' ? answer : answer.offset;
          if (repeated && epoch === last!.epoch) {
            const isRemembered = back === 1 || (back <= 5 && repeated.offset >= remembered);
            // Kafka's snapshots hold the last batch alone, so an older one may be refused, but never be written twice.
            if (isRemembered) expect(offset).toBe(repeated.offset);
            else if (back > 5) expect(offset).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
            else expect([repeated.offset, 'OUT_OF_ORDER_SEQUENCE_NUMBER']).toContain(offset);
          } else if (last && epoch < last.epoch) {
            expect(offset).toBe('INVALID_PRODUCER_EPOCH');
          } else if (last && (epoch > last.epoch ? first !== 0 : first !== next)) {
            expect(offset).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
          } else {
            expect(offset).toBe(endOf());
            model.push({ producerId, epoch, first, count: size, offset: endOf() });
          }
          return typeof answer === 'string' ? undefined : answer.done;
        };

        for (const c of commands) {
          switch (c.do) {
            case 'send':
              await Promise.all(c.sends.map(sendOne));
              break;
            case 'fail': {
              const before = [...model];
              const end = endOf();
              files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: 70 });
              const told = c.sends.map(sendOne);
              const anyNew = endOf() > end;
              const statuses = (await Promise.allSettled(told)).map(({ status }) => status);
              if (anyNew) expect(statuses).toContain('rejected');
              else expect(statuses).not.toContain('rejected');
              model = before;
              if (anyNew) break;
              files.kill(); // the fault is still waiting
              reopen();
              remembered = endOf();
              break;
            }
            case 'flush':
              await flush(log);
              flushed = endOf();
              break;
            case 'crash':
            case 'kill':
              if (c.do === 'crash') files.crash(c.seed === undefined ? undefined : prng(c.seed));
              else files.kill();
              reopen();
              expect(log.logEndOffset).toBeGreaterThanOrEqual(c.do === 'kill' ? endOf() : flushed);
              model = model.filter((batch) => batch.offset < log.logEndOffset);
              flushed = Math.min(flushed, endOf());
              remembered = endOf();
              break;
            case 'restart':
              await closeStore(store);
              flushed = endOf();
              reopen();
              remembered = endOf();
              break;
            case 'truncate':
              await truncate(log, Math.min(c.at, endOf()));
              model = model.filter((batch) => batch.offset + batch.count <= c.at);
              flushed = Math.min(flushed, endOf());
              remembered = endOf();
              break;
          }
          expect(log.logEndOffset).toBe(endOf());
          expect(await contents(log)).toEqual(model);
        }
      },
    ),
    { numRuns: 400 },
  );
});
