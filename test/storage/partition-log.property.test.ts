import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import {
  append,
  closeStore,
  flush,
  isNamed,
  openStore,
  orders,
  produced,
  read,
  readAll,
  recordsOf,
  testConfig,
  truncate,
} from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

/** What the log must hold: one entry per record, its index is the offset. `batchStart` marks the first record of a batch. */
interface Entry {
  key: string;
  timestamp: number;
  batchStart: number;
}

const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      counts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
      valueBytes: fc.constantFrom(0, 10, 300, 3000, 60_000),
      step: fc.integer({ min: -50, max: 50 }),
      gzip: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      at: fc.nat(1000),
      maxBytes: fc.constantFrom(1, 100, 5000, 200_000),
      span: fc.nat(40),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('find' as const), timestamp: fc.integer({ min: 0, max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), seed: fc.option(fc.nat(), { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete records' as const), at: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retain bytes' as const), bytes: fc.constantFrom(0, 1, 500, 5000, 100_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retain ms' as const), since: fc.integer({ min: 900, max: 1600 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('checkpoint' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), at: fc.nat(1000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail' as const), prefixBytes: fc.nat(400), count: fc.integer({ min: 1, max: 4 }) }),
  },
);

test('a log holds what was appended, through rolls, deletions, truncations, failed writes, restarts and power failures', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 25 }),
      fc.constantFrom(700, 8_000, 300_000),
      async (commands, segmentBytes) => {
        const files = memoryFiles();
        const config: Partial<LogConfig> & { segmentBytes: number } = {
          segmentBytes: Math.max(segmentBytes, 200),
          indexIntervalBytes: 300,
        };
        let clock = fakeClock();
        let store = openStore(files, '/data', clock, 4);
        let log = orders(store, config);
        let model: Entry[] = [];
        let flushed = 0;
        /** Where the log begins; where its first segment does; and where the last checkpoint says that it begins. */
        let start = 0;
        let firstSegment = 0;
        let checkpointed = 0;
        let timestamp = 1000;
        let serial = 0;
        const reopen = () => {
          clock = fakeClock();
          store = openStore(files, '/data', clock, 4);
          log = orders(store, config);
        };
        const deletedFiles = () => files.list('/data/orders-0').filter((name) => name.endsWith('.deleted'));
        const batchEnd = (offset: number) => {
          let end = offset + 1;
          while (end < model.length && model[end]!.batchStart !== end) end++;
          return end;
        };

        for (const c of commands) {
          switch (c.do) {
            case 'append': {
              const pending: Promise<void>[] = [];
              for (const count of c.counts) {
                const keys = Array.from({ length: count }, () => `k${serial++}`);
                const batch = produced(keys, timestamp, c.valueBytes, c.gzip ? 1 : 0);
                if (batch.byteLength > config.segmentBytes || batch.byteLength > 1048588) continue;
                const { info, done } = append(log, batch);
                expect(info.baseOffset).toBe(model.length);
                for (const [i, key] of keys.entries()) model.push({ key, timestamp: timestamp + i, batchStart: info.baseOffset });
                timestamp = Math.max(0, timestamp + c.step);
                pending.push(done);
              }
              await Promise.all(pending);
              expect(log.logEndOffset).toBe(model.length);
              break;
            }
            case 'read': {
              const from = Math.min(Math.max(c.at, start), model.length);
              const upTo = from + c.span;
              const chunk = await read(log, from, c.maxBytes, upTo);
              const records = chunk ? recordsOf(chunk.bytes) : [];
              chunk?.release();
              // The batch of `from` comes whole, or not at all when it reaches beyond the limit.
              const first = from < model.length && batchEnd(from) <= upTo;
              expect(records.length > 0).toBe(first);
              if (first) expect(records[0]!.offset).toBe(model[from]!.batchStart);
              for (const record of records)
                expect({ key: record.key!.toString(), timestamp: record.timestamp }).toEqual({
                  key: model[record.offset]!.key,
                  timestamp: model[record.offset]!.timestamp,
                });
              const last = records.at(-1);
              if (last) {
                expect(batchEnd(last.offset)).toBe(last.offset + 1);
                expect(last.offset).toBeLessThan(upTo);
                expect(log.sizeBetween(from, last.offset + 1)).toBe(chunk!.bytes.byteLength);
              }
              break;
            }
            case 'find': {
              const expected = model.findIndex((entry, offset) => offset >= start && entry.timestamp >= c.timestamp);
              const found = log.offsetForTimestamp(c.timestamp);
              expect(found && { offset: found.offset, timestamp: found.timestamp }).toEqual(
                expected === -1 ? null : { offset: expected, timestamp: model[expected]!.timestamp },
              );
              if (start > firstSegment) break; // the highest of what is on the disk may be before the start
              const highest = Math.max(-1, ...model.slice(start).map((entry) => entry.timestamp));
              const max = log.maxTimestamp();
              expect(max?.timestamp ?? -1).toBe(highest);
              if (max) expect(max.offset).toBe(model.findIndex((entry, offset) => offset >= start && entry.timestamp === highest));
              break;
            }
            case 'flush':
              await flush(log);
              flushed = model.length;
              expect(log.recoveryPoint).toBe(flushed);
              break;
            case 'crash':
            case 'kill': {
              if (c.do === 'crash') files.crash(c.seed === undefined ? undefined : prng(c.seed));
              else files.kill();
              // A folder that does not say whose it is was never synced, and is set aside.
              const lostWhole = !isNamed(files, '/data/orders-0') || !files.list('/data/orders-0').some((name) => name.endsWith('.log'));
              reopen();
              const end = log.logEndOffset;
              if (lostWhole) {
                // No record was flushed: it begins anew where the checkpoint says.
                expect([log.logStartOffset, end]).toEqual([checkpointed, checkpointed]);
                expect(flushed).toBeLessThanOrEqual(end);
                model = model.slice(0, end);
                [start, firstSegment] = [end, end];
                break;
              }
              expect(end).toBeGreaterThanOrEqual(c.do === 'kill' ? model.length : flushed);
              expect(end).toBeLessThanOrEqual(model.length);
              if (end > 0) expect(batchEnd(end - 1)).toBe(end);
              model = model.slice(0, end);
              flushed = Math.min(flushed, end);
              // A deletion that no checkpoint has seen may be undone, but not that of a segment.
              expect(log.logStartOffset).toBeGreaterThanOrEqual(Math.min(Math.max(firstSegment, checkpointed), end));
              expect(log.logStartOffset).toBeLessThanOrEqual(start);
              expect(log.segmentStarts()[0]!.baseOffset).toBe(firstSegment);
              start = log.logStartOffset;
              checkpointed = Math.min(checkpointed, end);
              break;
            }
            case 'restart':
              await closeStore(store);
              flushed = model.length;
              checkpointed = start;
              reopen();
              expect(deletedFiles()).toEqual([]);
              break;
            case 'delete records': {
              const to = Math.min(c.at, model.length);
              log.deleteRecordsBefore(to);
              start = Math.max(start, to);
              expect(() => log.deleteRecordsBefore(model.length + 1)).toThrow(
                expect.objectContaining({ errorName: 'OFFSET_OUT_OF_RANGE' }),
              );
              break;
            }
            case 'retain bytes':
            case 'retain ms': {
              const before = log.segmentStarts().map(({ baseOffset }) => baseOffset);
              const size = log.sizeBytes;
              const retained = c.do === 'retain bytes' ? { retentionBytes: c.bytes } : { retentionMs: clock.now() - c.since };
              log.configure(testConfig({ ...config, ...retained }));
              const count = log.applyRetention();
              log.configure(testConfig(config));
              const after = log.segmentStarts().map(({ baseOffset }) => baseOffset);
              // Whole segments, oldest first; when all went, the log goes on behind them.
              const left = before.slice(count);
              expect(after).toEqual(left.length > 0 ? left : [model.length]);
              firstSegment = after[0]!;
              if (count > 0) start = Math.max(start, firstSegment);
              if (c.do === 'retain bytes') expect(log.sizeBytes).toBeGreaterThanOrEqual(Math.min(size, 0 < start ? 0 : c.bytes));
              else {
                const isOld = (from: number, to: number) => model.slice(from, to).every((entry) => entry.timestamp < c.since);
                for (let i = 0; i < count; i++) {
                  const to = before[i + 1] ?? model.length;
                  expect(isOld(before[i]!, to) || to <= start).toBe(true);
                }
                const kept = after[0]! < model.length;
                if (kept) expect(isOld(after[0]!, after[1] ?? model.length)).toBe(false);
              }
              break;
            }
            case 'wait':
              await clock.advance(60_000);
              expect(deletedFiles()).toEqual([]);
              break;
            case 'checkpoint':
              store.writeCheckpoints();
              if (log.isOpen) checkpointed = start;
              break;
            case 'truncate': {
              const target = Math.min(c.at, model.length);
              await truncate(log, target);
              if (target < model.length && target <= start) {
                model = model.slice(0, target);
                firstSegment = target;
              } else model = model.slice(0, target < model.length ? model[target]!.batchStart : target);
              start = Math.min(start, model.length);
              store.writeCheckpoints(); // whoever takes the beginning back has to say so
              if (log.isOpen) checkpointed = start;
              flushed = Math.min(flushed, model.length);
              expect(log.logEndOffset).toBe(model.length);
              break;
            }
            case 'fail': {
              files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: c.prefixBytes });
              const lost = Array.from({ length: c.count }, () => append(log, produced(['lost'], timestamp, 10)).done);
              const results = await Promise.allSettled(lost);
              for (const result of results)
                expect(result).toMatchObject({ status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } });
              break;
            }
          }
          expect(log.logEndOffset).toBe(model.length);
          expect(log.logStartOffset).toBe(start);
          const all = model.map((entry, offset) => ({ offset, key: entry.key, timestamp: entry.timestamp }));
          expect(await readAll(log)).toEqual(all.slice(start));
          if (start > 0) await expect(read(log, start - 1)).rejects.toMatchObject({ errorName: 'OFFSET_OUT_OF_RANGE' });
          expect(log.endOffsetForEpoch(0)).toEqual(
            model.length > start || log.latestLeaderEpoch === 0
              ? { leaderEpoch: 0, endOffset: model.length }
              : { leaderEpoch: -1, endOffset: -1 },
          );
        }
        expect(store.openFiles()).toBeLessThanOrEqual(4);
      },
    ),
    { numRuns: 300 },
  );
});
