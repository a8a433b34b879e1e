import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { type ReadRecord, readRecords } from '../../src/protocol/records/walk.ts';
import type { Client } from '../cluster/client.ts';
import { KeyedLoad } from './keyed-load.ts';
import { passingFiles, stillThere, strangers } from './left-over.ts';
import { readRunLog } from './run-log.ts';

/** A broker of one partition that keeps records one by one, so that a test can take them away. */
class FakeLog {
  records: ReadRecord[] = [];
  private end = 0;

  readonly client = {
    findLeaders: async () => {},
    initProducerId: async () => ({ producerId: 1, producerEpoch: 0 }),
    refresh: () => {},
    logStart: async () => 0,
    produce: async (_topic: string, _partition: number, bytes: Buffer) => {
      const baseOffset = this.end;
      for (const record of readRecords(new BatchView(bytes))) this.records.push({ ...record, offset: this.end++ });
      return { errorName: 'NONE', baseOffset, broker: 1 };
    },
    fetch: async (_topic: string, _partition: number, from: number) => {
      const batches = this.records
        .filter(({ offset }) => offset >= from)
        .map((record) => buildBatch({ records: [record], baseOffset: record.offset }));
      return { errorName: 'NONE', highWatermark: this.end, logStartOffset: 0, records: Buffer.concat(batches) };
    },
  } as unknown as Client;

  keep(which: (record: ReadRecord) => boolean): void {
    this.records = this.records.filter(which);
  }
}

const keyOf = ({ key }: ReadRecord) => Buffer.from(key!).toString();

/** A load that has ended, and its log. */
async function ended(): Promise<{ load: KeyedLoad; log: FakeLog; lastOf: ReadonlyMap<string, ReadRecord> }> {
  const log = new FakeLog();
  const load = new KeyedLoad({ client: log.client, topic: 't', partitions: 1, keys: 10, deletes: false });
  await load.start();
  while (load.count < 200) await load.progress(5_000);
  await load.stop();
  return { load, log, lastOf: new Map(log.records.map((record) => [keyOf(record), record])) };
}

test('a log that was compacted as it should be is not complained about', async () => {
  const { load, log, lastOf } = await ended();
  expect(await load.check()).toMatchObject({ wrong: [], read: log.records.length });
  log.keep((record) => lastOf.get(keyOf(record)) === record);
  expect(await load.check()).toMatchObject({ wrong: [], read: lastOf.size });
  log.keep(({ value }) => value !== null); // tombstones go
  expect(await load.check()).toMatchObject({ wrong: [] });
});

test('a last value that is gone, an old one that is back, and one that has changed are seen', async () => {
  const { load, log, lastOf } = await ended();
  const [value] = [...lastOf.values()].filter((record) => record.value !== null);
  const whole = log.records;
  log.keep((record) => keyOf(record) !== keyOf(value!));
  expect((await load.check()).wrong).toEqual([expect.stringMatching(/^t-0: the last of key \d is record \d+, .* there is nothing$/)]);
  log.records = whole.filter((record) => record !== value);
  expect((await load.check()).wrong).toEqual([expect.stringMatching(/there is record \d+ at \d+$/)]);
  log.records = whole.map((record) => (record === value ? { ...record, value: Buffer.from('other') } : record));
  expect((await load.check()).wrong).toEqual([expect.stringMatching(/is not as it was sent$/)]);
  log.records = whole.map((record) => (record === value ? { ...record, headers: [] } : record));
  expect((await load.check()).wrong[0]).toMatch(/was never sent$/);
});

test('whatever a crash leaves in a data directory is seen', () => {
  const data = mkdtempSync(join(tmpdir(), 'minikafka-left-'));
  onTestFinished(() => rmSync(data, { recursive: true }));
  const file = (...path: string[]) => writeFileSync(join(data, ...path), '');
  for (const folder of ['t-0', 't-1', 'gone-0', 't-0.0123456789abcdef0123456789abcdef-delete']) mkdirSync(join(data, folder));
  for (const name of ['00000000000000000005.log', '00000000000000000005.index', '00000000000000000005.timeindex', 'partition.metadata'])
    for (const folder of ['t-0', 't-1']) file(folder, name);
  file('meta.properties');
  expect(strangers(data, new Set(['t', 'gone'])).sort()).toEqual(['t-0.0123456789abcdef0123456789abcdef-delete/']);
  for (const name of ['00000000000000000007.index', '00000000000000000004.snapshot', '00000000000000000005.log.swap', 'x.tmp'])
    file('t-0', name);
  file('t-1', '00000000000000000009.log');
  const found = strangers(data, new Set(['t'])).join('\n');
  for (const what of ['gone-0/', '7.index without its .log', '4.snapshot before', '.log.swap', 'x.tmp', '9.log without its indexes'])
    expect(found).toContain(what);
  const passing = passingFiles(data);
  expect([...passing.keys()].map((path) => path.slice(data.length + 1)).sort()).toEqual(
    ['t-0.0123456789abcdef0123456789abcdef-delete', 't-0/00000000000000000005.log.swap', 't-0/x.tmp'].sort(),
  );
  rmSync(join(data, 't-0/x.tmp'));
  rmSync(join(data, 't-0/00000000000000000005.log.swap'));
  writeFileSync(join(data, 't-0/00000000000000000005.log.swap'), ''); // the next one, which may have its inode
  expect(stillThere(passing)).toHaveLength(1);
});

test('a word of warning that is not of the kill is seen', () => {
  const line = (level: string, msg: string, more = {}) => `${JSON.stringify({ level, msg, ...more })}\n`;
  const unclean = line('warn', 'the last run did not end cleanly: logs are verified when they are first used');
  expect(readRunLog(`${unclean}${line('info', 'old segments deleted')}`, true)).toMatchObject({ wrong: [], retentions: 1 });
  expect(readRunLog(unclean, false).wrong).toHaveLength(1);
  const torn = (droppedSegments: number) => line('warn', 'damaged end of the log cut off', { cutBytes: 100, droppedSegments });
  expect(readRunLog(torn(0), true)).toMatchObject({ wrong: [], tornEnds: 1 });
  for (const wrong of [torn(1), line('error', 'anything'), 'TypeError: x is not a function\n'])
    expect(readRunLog(wrong, true).wrong).toHaveLength(1);
});
