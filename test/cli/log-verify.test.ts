import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { crc32c } from '../../src/protocol/records/crc.ts';
import { oldMessage } from '../support/old-message.ts';
import { prng } from '../support/prng.ts';
import { runCaptured } from './captured.ts';
import { copyOfKafkaData, jsonLines, KAFKA_COMPACTED, KAFKA_DATA } from './kafka-data.ts';

interface FindingJson {
  readonly type: 'damage' | 'note';
  readonly file: string;
  readonly position: number | null;
  readonly what: string;
}

interface SummaryJson {
  readonly type: 'summary';
  readonly partitions: number;
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly damaged: number;
  readonly notes: number;
}

async function verify(path: string, ...flags: string[]) {
  const { exitCode, out, err } = await runCaptured(['log', 'verify', path, '--json', ...flags]);
  const rows = jsonLines<FindingJson | SummaryJson>(out);
  const summary = rows.at(-1) as SummaryJson;
  const findings = (rows.slice(0, -1) as FindingJson[]).map((finding) => ({ ...finding, file: finding.file.replaceAll('\\', '/') }));
  return { exitCode, err, findings, summary };
}

/** What is found in Kafka's data after `change`, exit code and count held to each other. */
async function foundAfter(
  change: (path: string) => void,
  ...flags: string[]
): Promise<[type: string, file: string, position: number | null, what: string][]> {
  using data = copyOfKafkaData();
  change(data.path);
  const { exitCode, err, findings, summary } = await verify(data.path, ...flags);
  const damaged = findings.filter(({ type }) => type === 'damage').length;
  expect(summary).toMatchObject({ type: 'summary', damaged, notes: findings.length - damaged });
  expect(exitCode).toBe(damaged > 0 ? 1 : 0);
  const places = damaged === 1 ? '1 place' : `${damaged} places`;
  expect(err).toBe(damaged > 0 ? `minikafka: ${data.path} is damaged in ${places}\n` : '');
  return findings.map(({ type, file, position, what }) => [type, file.slice(data.path.length + 1), position, what]);
}

const segment = (offset: number, suffix: string) => `orders-0/${String(offset).padStart(20, '0')}.${suffix}`;

/** Changes bytes of a file in the data directory. */
const edit = (file: string, change: (bytes: Buffer) => Buffer | undefined) => (path: string) => {
  const whole = readFileSync(join(path, file));
  writeFileSync(join(path, file), change(whole) ?? whole);
};
const flip = (file: string, at: number, mask = 1) =>
  edit(file, (bytes) => {
    bytes[at]! ^= mask;
    return undefined;
  });
const cut = (file: string, by: number) => edit(file, (bytes) => bytes.subarray(0, bytes.byteLength - by));
const add = (file: string, more: Uint8Array) => edit(file, (bytes) => Buffer.concat([bytes, more]));
const put = (file: string, content: string | Uint8Array) => (path: string) => writeFileSync(join(path, file), content);
const remove = (file: string) => (path: string) => rmSync(join(path, file));
const inTurn =
  (...changes: ((path: string) => void)[]) =>
  (path: string) => {
    for (const change of changes) change(path);
  };

test.each([[], ['--deep']])('what Apache Kafka wrote is without damage %j', async (...flags: string[]) => {
  using data = copyOfKafkaData();
  const { exitCode, err, findings, summary } = await verify(data.path, ...flags);
  expect({ exitCode, err, findings }).toEqual({ exitCode: 0, err: '', findings: [] });
  // 21 batches and 43 records of orders and stamped, as the tool's output has them, 8 and 16 of the offsets; transactions 11 records.
  expect(summary).toMatchObject({ partitions: 4, segments: 8, records: 40 + 4 + 16 + 11, damaged: 0, notes: 0 });
});

test('one folder of a partition may be named, with the checkpoints of its data directory or without any', async () => {
  using data = copyOfKafkaData();
  expect(await verify(join(data.path, 'orders-0'))).toMatchObject({
    exitCode: 0,
    findings: [],
    summary: { partitions: 1, segments: 5, records: 40 },
  });
  put('recovery-point-offset-checkpoint', '0\n1\norders 0 41\n')(data.path);
  expect((await verify(join(data.path, 'orders-0'))).findings).toMatchObject([{ what: expect.stringContaining('41') }]);
  rmSync(join(data.path, 'meta.properties'));
  expect(await verify(join(data.path, 'orders-0'))).toMatchObject({ exitCode: 0, findings: [] });
});

describe('damage is found, and nothing else', () => {
  // Positions and offsets are those of DumpLogSegments.txt.
  test.each<[string, (path: string) => void, [file: string, position: number | null, what: RegExp]]>([
    [
      'a byte of a batch',
      flip(segment(0, 'log'), 350),
      [segment(0, 'log'), 284, /CRC of the batch with offsets 3-5 is 2581784061, by its bytes it should be \d+$/],
    ],
    ['the last byte of a batch', flip(segment(35, 'log'), 391), [segment(35, 'log'), 314, /CRC .* 39-39 /]],
    ['the CRC itself', flip(segment(12, 'log'), 17, 0x80), [segment(12, 'log'), 0, /CRC .* 12-14 /]],
    [
      'a base offset before the segment',
      flip(segment(12, 'log'), 7, 8),
      [segment(12, 'log'), 0, /offset 4, before the segment's base offset 12/],
    ],
    [
      'a base offset in the next segment',
      flip(segment(0, 'log'), 721 + 6),
      [segment(0, 'log'), 721, /offsets 265-267 reaches into the next segment, .* 12$/],
    ],
    [
      'the leader epoch of a batch',
      flip(segment(35, 'log'), 78 + 15, 2),
      [segment(35, 'log'), 78, /leader epoch 0 at offset 36 follows leader epoch 2/],
    ],
    [
      'the length of a batch',
      flip(segment(12, 'log'), 167 + 9),
      [segment(12, 'log'), 167, /a batch of 65703 bytes is cut off.*493 bytes left/],
    ],
    ['the magic of a batch', flip(segment(12, 'log'), 167 + 16, 4), [segment(12, 'log'), 167, /its magic would be 6; 493 bytes left/]],
    [
      'the tail of the last segment',
      cut(segment(35, 'log'), 10),
      [segment(35, 'log'), 314, /a batch of 78 bytes is cut off, 68 bytes of it are here/],
    ],
    ['the tail of another segment', cut(segment(12, 'log'), 1), [segment(12, 'log'), 497, /163 bytes is cut off, 162/]],
    ['noise behind the last batch', add(segment(35, 'log'), Buffer.alloc(100, 7)), [segment(35, 'log'), 392, /100 bytes left/]],
    [
      'an offset in an index entry',
      flip(segment(12, 'index'), 8 + 3),
      [segment(12, 'index'), 8, /says offset 21 for the batch at position 334 .* last offset is 20$/],
    ],
    ['a position in an index entry', flip(segment(12, 'index'), 7), [segment(12, 'index'), 0, /no batch begins at position 166 /]],
    [
      'a position far off',
      flip(segment(12, 'index'), 12),
      [segment(12, 'index'), 8, /position 16777550 is above that of the entry behind it/],
    ],
    [
      'the last position far off',
      flip(segment(12, 'index'), 20),
      [segment(12, 'index'), 16, /points to position 16777713, where the .log has no batch/],
    ],
    ['half an index entry', cut(segment(12, 'index'), 3), [segment(12, 'index'), null, /5 bytes are no whole entry/]],
    [
      'a timestamp in a time index entry',
      flip(segment(12, 'timeindex'), 12 + 7),
      [segment(12, 'timeindex'), 12, /timestamp is 1700000018021, but the batch that ends at its offset 20 has 1700000018020/],
    ],
    [
      'an offset in a time index entry',
      flip(segment(12, 'timeindex'), 12 + 11),
      [segment(12, 'timeindex'), 12, /no batch of the .log ends at its offset 21/],
    ],
    [
      'an offset of a time index far off',
      flip(segment(12, 'timeindex'), 8),
      [segment(12, 'timeindex'), 0, /offset 16777233 is above that of the entry behind it/],
    ],
    [
      'half a time index entry',
      add(segment(12, 'timeindex'), Buffer.alloc(5, 1)),
      [segment(12, 'timeindex'), null, /5 bytes are no whole entry/],
    ],
    [
      'a time index that is not in order',
      edit(segment(12, 'timeindex'), (bytes) => Buffer.concat([bytes, bytes.subarray(0, 12)])),
      [segment(12, 'timeindex'), 36, /offset 17 is not above that of the entry before it|behind the last/],
    ],
    ['an entry of an aborted transaction', flip(segment(35, 'txnindex'), 1), [segment(35, 'txnindex'), 0, /version 1/]],
    [
      'an aborted transaction that ends before it begins',
      flip(segment(35, 'txnindex'), 17, 0x40),
      [segment(35, 'txnindex'), 0, /offsets 100-37/],
    ],
    [
      'an aborted transaction behind the end',
      flip(segment(35, 'txnindex'), 25, 0x40),
      [segment(35, 'txnindex'), 0, /36-101.* behind the end of the log, 40/],
    ],
    ['a byte of a snapshot', flip(segment(24, 'snapshot'), 40), [segment(24, 'snapshot'), null, /CRC/]],
    ['the tail of a snapshot', cut(segment(24, 'snapshot'), 46), [segment(24, 'snapshot'), null, /length/]],
    [
      'a snapshot behind the end',
      (path) => cpSync(join(path, segment(40, 'snapshot')), join(path, segment(41, 'snapshot'))),
      [segment(41, 'snapshot'), null, /41, behind the end of the log, 40/],
    ],
    [
      'a snapshot of later offsets',
      (path) => cpSync(join(path, segment(24, 'snapshot')), join(path, segment(12, 'snapshot'))),
      [segment(12, 'snapshot'), null, /producer 2 has offset 17/],
    ],
    [
      'leader epochs that go back',
      put('orders-0/leader-epoch-checkpoint', '0\n2\n2 0\n0 33\n'),
      ['orders-0/leader-epoch-checkpoint', null, /out of order/],
    ],
    [
      'a leader epoch that the batches do not have',
      put('orders-0/leader-epoch-checkpoint', '0\n2\n0 0\n3 33\n'),
      ['orders-0/leader-epoch-checkpoint', null, /says leader epoch 3 where the batches have 2 \(offset 33\)/],
    ],
    [
      'a leader epoch that begins elsewhere',
      put('orders-0/leader-epoch-checkpoint', '0\n2\n0 0\n2 30\n'),
      ['orders-0/leader-epoch-checkpoint', null, /says leader epoch 2 where the batches have 0 \(offset 30\)/],
    ],
    [
      'a leader epoch behind the end',
      put('orders-0/leader-epoch-checkpoint', '0\n3\n0 0\n2 33\n5 41\n'),
      ['orders-0/leader-epoch-checkpoint', null, /5 begins at offset 41, behind the end of the log, 40/],
    ],
    [
      'no leader epochs',
      put('orders-0/leader-epoch-checkpoint', '0\n0\n'),
      ['orders-0/leader-epoch-checkpoint', null, /no entries, but the batches have leader epochs/],
    ],
    [
      'a recovery point behind the end',
      put('recovery-point-offset-checkpoint', '0\n1\norders 0 41\n'),
      ['recovery-point-offset-checkpoint', null, /offset 41 of orders-0 is behind the end of its log, 40/],
    ],
    [
      'a high watermark behind the end',
      put('replication-offset-checkpoint', '0\n1\nstamped 0 5\n'),
      ['replication-offset-checkpoint', null, /5 of stamped-0 .* 4$/],
    ],
    [
      'a checkpoint that cannot be read',
      put('replication-offset-checkpoint', '0\n2\nstamped 0 4\n'),
      ['replication-offset-checkpoint', null, /damaged/],
    ],
    [
      'a segment that is gone',
      inTurn(...['log', 'index', 'timeindex', 'snapshot'].map((suffix) => remove(segment(12, suffix)))),
      [segment(24, 'log'), null, /offsets 12-23 are missing before this segment/],
    ],
  ])('%s', async (_, change, [file, position, what]) => {
    for (const flags of [[], ['--deep']])
      expect(await foundAfter(change, ...flags)).toEqual([['damage', file, position, expect.stringMatching(what)]]);
  });
});

test('a base offset, which no CRC guards, is told by its neighbours', async () => {
  const found = await foundAfter(flip(segment(12, 'log'), 334 + 7));
  expect(found.map(([type, file, position]) => [type, file, position])).toEqual([
    ['note', segment(12, 'log'), null], // offset 18 is not in it
    ['damage', segment(12, 'index'), 8],
    ['damage', segment(12, 'timeindex'), 12],
    ['damage', segment(12, 'log'), 497],
  ]);
  expect(found[3]![3]).toBe('a batch with offsets 21-23 follows offset 21');
});

/** Rewrites what a batch says and its CRC with it: damage that only reading the records shows. */
const forge = (file: string, at: number, change: (batch: Buffer) => void) =>
  edit(file, (bytes) => {
    const batch = bytes.subarray(at, at + 12 + bytes.readInt32BE(at + 8));
    change(batch);
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    return undefined;
  });

test.each<[string, (path: string) => void, number, RegExp]>([
  [
    'records that are not as many as the header says',
    forge(segment(0, 'log'), 0, (batch) => batch.writeInt32BE(2, 57)),
    0,
    /bytes follow its 2 records/,
  ],
  ['a record whose length is wrong', forge(segment(0, 'log'), 0, (batch) => void (batch[61]! ^= 4)), 0, /offsets 0-2: /],
  ['a stream that does not decompress', forge(segment(0, 'log'), 568, (batch) => void batch.fill(0, 70, 90)), 568, /gzip/],
  ['a codec that there is not', forge(segment(0, 'log'), 0, (batch) => batch.writeInt16BE(7, 21)), 0, /Unknown compression type id: 7/],
])('only --deep finds %s', async (_, change, position, what) => {
  expect(await foundAfter(change)).toEqual([]);
  expect(await foundAfter(change, '--deep')).toEqual([['damage', segment(0, 'log'), position, expect.stringMatching(what)]]);
});

test('a batch that decompresses to more than 100 MiB is damage, and is not decompressed', async () => {
  const value = Buffer.alloc(101 * 1024 * 1024);
  const bomb = buildBatch({ records: [{ value }], attributes: 1, partitionLeaderEpoch: 2, baseOffset: 40 });
  const found = await foundAfter(add(segment(35, 'log'), bomb), '--deep');
  expect(found).toMatchObject([
    ['damage', segment(35, 'log'), 392, expect.stringMatching(/decompresses \(gzip\) to more than 104857600 bytes/)],
  ]);
});

describe('a data directory without the mark of a clean end may be in use', () => {
  const inUse = ['note', '', null, expect.stringMatching(/may be in use/)];
  const unclean = remove('.kafka_cleanshutdown');

  test('and is told to be, by whom if it is known', async () => {
    expect(await foundAfter(unclean)).toEqual([inUse]);
    const [[, , , what]] = (await foundAfter(inTurn(unclean, put('.lock.holder', 'process 4711 since 12:30')))) as [
      [string, string, null, string],
    ];
    expect(what).toMatch(/in use by process 4711 since 12:30/);
  });

  test('a torn tail of the last segment is a note then', async () => {
    const torn = [
      'note',
      segment(35, 'log'),
      314,
      expect.stringMatching(/a batch of 78 bytes is cut off.*68 bytes left.*cut off at the next start/),
    ];
    expect(await foundAfter(inTurn(unclean, cut(segment(35, 'log'), 10)))).toEqual([inUse, torn]);
  });

  test.each<[string, (path: string) => void, string]>([
    ['a torn tail of another segment', cut(segment(24, 'log'), 10), segment(24, 'log')],
    ['a wrong CRC in the last segment', flip(segment(35, 'log'), 391), segment(35, 'log')],
    ['a wrong entry of the last index', flip(segment(35, 'index'), 3), segment(35, 'index')],
    ['noise at the end', add(segment(35, 'log'), Buffer.alloc(100, 7)), segment(35, 'log')],
  ])('%s is damage all the same', async (_, change, file) => {
    expect(await foundAfter(inTurn(unclean, change))).toEqual([inUse, ['damage', file, expect.anything(), expect.anything()]]);
  });

  test("zeros that Kafka keeps at the end of the last segment's files are none", async () => {
    const zeros = Buffer.alloc(1_000_008); // a multiple of the entries of either index
    expect(await foundAfter(inTurn(unclean, add(segment(35, 'index'), zeros), add(segment(35, 'timeindex'), zeros)))).toEqual([inUse]);
  });
});

test('files that a broker makes anew are notes when they are missing', async () => {
  const found = await foundAfter(
    inTurn(...['index', 'timeindex'].map((suffix) => remove(segment(24, suffix))), remove('orders-0/leader-epoch-checkpoint')),
  );
  expect(found.map(([type, file]) => [type, file])).toEqual([
    ['note', 'orders-0/leader-epoch-checkpoint'],
    ['note', segment(24, 'index')],
    ['note', segment(24, 'timeindex')],
  ]);
});

test('an index without its .log is a note', async () => {
  const found = await foundAfter(put(segment(99, 'index'), ''));
  expect(found).toEqual([['note', segment(99, 'index'), null, 'there is no .log that it could belong to']]);
});

test('offsets that compaction took out are no damage', async () => {
  // Of __consumer_offsets it is known; of another topic the cleaner's checkpoint says so, or a batch with fewer records than offsets.
  using data = copyOfKafkaData();
  const batch = (baseOffset: number, count: number) =>
    buildBatch({
      records: Array.from({ length: count }, () => ({ key: Buffer.from('k'), timestamp: 1 })),
      partitionLeaderEpoch: 0,
      baseOffset,
    });
  const folder = join(data.path, 'table-0');
  mkdirSync(folder);
  writeFileSync(join(folder, `${'0'.repeat(20)}.log`), batch(0, 2));
  writeFileSync(join(folder, `${'0'.repeat(18)}50.log`), batch(50, 2));
  writeFileSync(join(folder, 'leader-epoch-checkpoint'), '0\n1\n0 0\n');
  for (const name of [`${'0'.repeat(20)}`, `${'0'.repeat(18)}50`])
    for (const suffix of ['index', 'timeindex']) writeFileSync(join(folder, `${name}.${suffix}`), '');
  expect((await verify(data.path)).findings).toMatchObject([{ type: 'damage', what: expect.stringContaining('offsets 2-49 are missing') }]);
  writeFileSync(join(data.path, 'cleaner-offset-checkpoint'), '0\n1\ntable 0 50\n');
  expect(await verify(data.path)).toMatchObject({ exitCode: 0, findings: [] });
  // Within a segment a gap is a note, for compaction leaves the same.
  writeFileSync(join(data.path, 'cleaner-offset-checkpoint'), '0\n0\n');
  writeFileSync(join(folder, `${'0'.repeat(20)}.log`), Buffer.concat([batch(0, 2), batch(10, 40)]));
  expect(await verify(data.path)).toMatchObject({
    exitCode: 0,
    findings: [{ type: 'note', what: expect.stringContaining('offsets 2-9 are not in it') }],
  });
});

test('a log that Apache Kafka compacted is without damage', async () => {
  const { exitCode, findings, summary } = await verify(join(KAFKA_COMPACTED, 'table-0'), '--deep');
  expect({ exitCode, summary }).toMatchObject({ exitCode: 0, summary: { damaged: 0 } });
  expect(findings).toMatchObject([
    { type: 'note', what: expect.stringMatching(/^offsets 0-\d+ are not in it: normal where the topic is compacted/) },
  ]);
});

test('messages of old formats are a note; a wrong CRC of theirs is damage', async () => {
  using data = copyOfKafkaData();
  const folder = join(data.path, 'old-0');
  mkdirSync(folder);
  const messages = Buffer.concat([oldMessage(0), oldMessage(1)]);
  messages.writeBigInt64BE(2n, oldMessage(0).byteLength);
  for (const suffix of ['index', 'timeindex']) writeFileSync(join(folder, `${'0'.repeat(20)}.${suffix}`), '');
  writeFileSync(join(folder, 'leader-epoch-checkpoint'), '0\n0\n');
  const log = join(folder, `${'0'.repeat(20)}.log`);
  writeFileSync(log, messages);
  expect(await verify(data.path)).toMatchObject({ exitCode: 0, findings: [{ type: 'note', what: expect.stringContaining('format 0') }] });
  messages[30]! ^= 1;
  writeFileSync(log, messages);
  expect((await verify(data.path)).findings).toMatchObject([{ type: 'note' }, { type: 'damage', position: 0 }]);
});

test('a file of noise does not fill the screen', async () => {
  using data = copyOfKafkaData();
  const entries = Buffer.alloc(8 * 5000, 0x11);
  writeFileSync(join(data.path, segment(12, 'index')), entries);
  const { findings, summary } = await verify(data.path);
  expect(findings).toHaveLength(21);
  expect(findings.at(-1)).toMatchObject({ type: 'damage', what: '4980 more findings in this file' });
  expect(summary.damaged).toBe(5000);
});

test('in a pipe a finding is a line of four cells, and the summary is the last line', async () => {
  using data = copyOfKafkaData();
  flip(segment(12, 'index'), 7)(data.path);
  const { exitCode, out } = await runCaptured(['log', 'verify', data.path]);
  const [finding, summary, ...more] = out.split('\n');
  expect({ exitCode, more }).toEqual({ exitCode: 1, more: [''] });
  expect(finding!.split('\t')).toEqual([
    'damage',
    join(data.path, segment(12, 'index')),
    '0',
    'no batch begins at position 166 of the .log, to which it points',
  ]);
  expect(summary).toMatch(/^4 partitions, 8 segments, \d+ batches, 71 records, 5\.\d KiB in \d\.\d s: damage in 1 place$/);
});

test('on a terminal a bar shows how far it is, and goes away', async () => {
  using data = copyOfKafkaData();
  const { out, err } = await runCaptured(['log', 'verify', data.path], { terminal: true });
  const clearLine = '\r\x1b[K';
  const [before, bar, ...more] = err.split(clearLine);
  expect(before).toBe('');
  expect(bar).toMatch(/^\[[#-]{30}\] \d+% {2}/);
  expect(more.at(-1)).toBe('');
  expect(out).toMatch(/: no damage\n$/);
});

test('what has no log in it is a usage error', async () => {
  using data = copyOfKafkaData();
  const usage = async (path: string) => {
    const { exitCode, out, err } = await runCaptured(['log', 'verify', path]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    return err.trimEnd();
  };
  expect(await usage('/no/such/folder')).toBe('minikafka: /no/such/folder: there is no such directory');
  const file = join(data.path, 'meta.properties');
  expect(await usage(file)).toBe(`minikafka: ${file} is a file: name its directory, or print it with "minikafka log dump"`);
  const empty = join(data.path, 'empty');
  mkdirSync(join(empty, 'vite-5'), { recursive: true });
  expect(await usage(empty)).toBe(`minikafka: ${empty} is no data directory and no folder of a partition: there is no log in it`);
});

test('one of several log directories may have no partition yet', async () => {
  using data = copyOfKafkaData();
  for (const name of readdirSync(data.path)) {
    if (name !== 'meta.properties' && name !== '.kafka_cleanshutdown') rmSync(join(data.path, name), { recursive: true });
  }
  expect(await verify(data.path)).toMatchObject({ exitCode: 0, findings: [], summary: { partitions: 0, damaged: 0, notes: 0 } });
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
  'what cannot be read is damage, and the rest is verified',
  async () => {
    const found = await foundAfter((path) => chmodSync(join(path, segment(12, 'log')), 0));
    expect(found).toEqual([['damage', segment(12, 'log'), null, 'no permission to read it']]);
    using data = copyOfKafkaData();
    chmodSync(join(data.path, 'stamped-0'), 0);
    const { findings, summary } = await verify(data.path);
    chmodSync(join(data.path, 'stamped-0'), 0o755);
    expect(findings).toMatchObject([{ type: 'damage', file: join(data.path, 'stamped-0'), what: 'no permission to read it' }]);
    expect(summary).toMatchObject({ partitions: 3, records: 67 });
  },
);

test('an empty active segment, as a roll leaves it, is none', async () => {
  using data = copyOfKafkaData();
  for (const suffix of ['log', 'index', 'timeindex']) writeFileSync(join(data.path, segment(40, suffix)), '');
  expect(await verify(data.path)).toMatchObject({ exitCode: 0, findings: [], summary: { segments: 9 } });
  truncateSync(join(data.path, segment(35, 'log')), 314);
  expect((await verify(data.path)).findings).toMatchObject([
    { type: 'damage', file: expect.stringContaining(segment(35, 'index')) },
    { type: 'damage', file: expect.stringContaining(segment(35, 'timeindex')) },
    { type: 'damage', file: expect.stringContaining(segment(40, 'log')), what: expect.stringContaining('offsets 39-39 are missing') },
  ]);
});

test('nothing is written to what is verified', async () => {
  using data = copyOfKafkaData();
  chmodSync(join(data.path, 'orders-0'), 0o555);
  const before = readFileSync(join(data.path, segment(35, 'log')));
  cut(segment(35, 'log'), 3)(data.path);
  await verify(data.path, '--deep');
  chmodSync(join(data.path, 'orders-0'), 0o755);
  expect(readFileSync(join(data.path, segment(35, 'log')))).toEqual(before.subarray(0, -3));
  expect(readFileSync(join(KAFKA_DATA, segment(35, 'log')))).toEqual(before);
});

test.each(['log', 'log dump', 'log verify'])('"%s --help" has examples that are understood', async (command) => {
  const { exitCode, out } = await runCaptured([...command.split(' '), '--help']);
  expect(exitCode).toBe(0);
  const examples = [...out.matchAll(/^ {2}minikafka (.+)$/gm)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(await runCaptured([...example.split(' '), '--help'])).toMatchObject({ exitCode: 0, err: '' });
});

test('whatever the bytes are, it ends with a judgement', async () => {
  const random = prng(4);
  const below = (end: number) => Math.floor(random() * end);
  using data = copyOfKafkaData();
  const files = readdirSync(join(data.path, 'orders-0')).map((name) => join(data.path, 'orders-0', name));
  for (let round = 0; round < 100; round++) {
    const file = files[below(files.length)]!;
    const whole = readFileSync(file);
    const changed = Buffer.from(whole.subarray(0, round % 3 === 0 ? below(whole.byteLength + 1) : undefined));
    for (let i = below(8); i > 0 && changed.byteLength > 0; i--) changed[below(changed.byteLength)] = below(256);
    writeFileSync(file, changed);
    const { exitCode, err } = await verify(join(data.path, 'orders-0'), '--deep');
    expect({ round, err }).toEqual({ round, err: exitCode === 0 ? '' : expect.stringMatching(/ is damaged in \d+ places?\n$/) });
    const dumped = await runCaptured(['log', 'dump', file, '--records', '--decode', 'offsets']);
    expect({ round, exitCode: dumped.exitCode, err: dumped.err }).toEqual({ round, exitCode: 0, err: '' });
    writeFileSync(file, whole);
  }
});
