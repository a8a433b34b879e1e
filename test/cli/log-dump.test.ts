import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GROUP_RECORDS } from '../../src/cli/log/record-rows.ts';
import { oldMessage } from '../support/old-message.ts';
import { runCaptured } from './captured.ts';
import { type DumpedFile, dumpedByKafka, type Fields, filesOf, jsonLines, KAFKA_COMPACTED, KAFKA_DATA } from './kafka-data.ts';

const SEGMENT = join(KAFKA_DATA, 'orders-0/00000000000000000012.log');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-dump-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const dump = (...args: string[]) => runCaptured(['log', 'dump', ...args]);

async function rowsOf<Row extends { type: string }>(path: string, ...flags: string[]): Promise<Row[]> {
  const { exitCode, out, err } = await dump(path, '--json', ...flags);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return jsonLines(out);
}

function write(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

interface BatchJson {
  type: string;
  [name: string]: unknown;
}

const optional = (value: string): number | null => (value === 'OptionalLong.empty' ? null : Number(/\d+/.exec(value)![0]));

/** A batch of Kafka's tool in our names. */
function batchOf(fields: Fields): object {
  const timestampType = fields.CreateTime ? 'CreateTime' : 'LogAppendTime';
  const numbers = [
    'baseOffset',
    'lastOffset',
    'count',
    'baseSequence',
    'lastSequence',
    'producerId',
    'producerEpoch',
    'partitionLeaderEpoch',
  ];
  return {
    type: 'batch',
    ...Object.fromEntries([...numbers, 'position', 'magic', 'crc'].map((name) => [name, Number(fields[name])])),
    transactional: fields.isTransactional === 'true',
    control: fields.isControl === 'true',
    deleteHorizonMs: optional(fields.deleteHorizonMs!),
    timestampType,
    maxTimestamp: Number(fields[timestampType]),
    sizeInBytes: Number(fields.size),
    compression: fields.compresscodec,
    crcValid: fields.isvalid === 'true',
  };
}

interface RecordJson {
  type: string;
  offset: number;
  timestamp: number;
  keySize: number;
  valueSize: number;
  sequence: number;
  key?: unknown;
  value?: unknown;
  headers: { key: string; value: unknown }[];
  decoded?: { type?: string; coordinatorEpoch?: number; kind?: string; key?: object; groupId?: string; value?: object };
}

/** A record of ours in the names of Kafka's tool, its values as text. */
function recordOf(
  { offset, timestamp, keySize, valueSize, sequence, headers, key, value, decoded }: RecordJson,
  timestampType: string,
): Fields {
  return {
    offset: `${offset}`,
    [timestampType]: `${timestamp}`,
    keySize: `${keySize}`,
    valueSize: `${valueSize}`,
    sequence: `${sequence}`,
    headerKeys: `[${headers.map((header) => header.key).join(',')}]`,
    ...(decoded
      ? { endTxnMarker: `${decoded.type}`, coordinatorEpoch: `${decoded.coordinatorEpoch}` }
      : { ...(key === null ? {} : { key: `${key}` }), ...(value === null ? {} : { payload: `${value}` }) }),
  };
}

describe("what Apache Kafka wrote is shown as Kafka's own tool shows it", () => {
  const dumped = dumpedByKafka();
  const ofKind = (suffix: string) =>
    dumped.filter(({ file }) => file.endsWith(suffix)).map((each): [string, DumpedFile] => [each.file, each]);

  test('and the tool was asked about every file', () => {
    const named = dumped.map(({ file }) => file);
    const expected = [...filesOf('orders-0'), ...filesOf('stamped-0')].filter((file) => /\.(log|\w*index|snapshot)$/.test(file));
    expect(named.toSorted()).toEqual(expected.toSorted());
    expect(dumped.flatMap(({ batches }) => batches)).toHaveLength(21);
  });

  test.each(ofKind('.log'))('%s', async (file, { batches, records }) => {
    const rows = await rowsOf<BatchJson>(join(KAFKA_DATA, file), '--records');
    const ours = rows.filter(({ type }) => type === 'batch');
    expect(ours).toMatchObject(batches.map(batchOf));
    const timestampType = String(ours[0]!.timestampType);
    const ourRecords = rows.filter(({ type }) => type === 'record') as unknown as RecordJson[];
    expect(ourRecords.map((record) => recordOf(record, timestampType))).toEqual(records);
    expect(rows).toHaveLength(batches.length + records.length);
  });

  test.each(ofKind('.index'))('%s', async (file, { entries }) => {
    const rows = await rowsOf(join(KAFKA_DATA, file));
    const expected = entries.map(({ offset, position }) => ({
      type: 'offsetIndexEntry',
      offset: Number(offset),
      position: Number(position),
    }));
    expect(rows).toMatchObject(expected.length > 0 ? expected : [{ type: 'noEntries' }]);
  });

  test.each(ofKind('.timeindex'))('%s', async (file, { entries }) => {
    const rows = await rowsOf(join(KAFKA_DATA, file));
    expect(rows).toMatchObject(
      entries.map(({ timestamp, offset }) => ({ type: 'timeIndexEntry', timestamp: Number(timestamp), offset: Number(offset) })),
    );
  });

  test.each(ofKind('.txnindex'))('%s', async (file, { entries }) => {
    const [row] = entries;
    const numbers = Object.fromEntries(Object.entries(row!).map(([name, value]) => [name, Number(value)]));
    expect(await rowsOf(join(KAFKA_DATA, file))).toMatchObject([{ type: 'abortedTransaction', ...numbers }]);
  });

  test.each(ofKind('.snapshot'))('%s', async (file, { entries }) => {
    const [head, ...producers] = await rowsOf(join(KAFKA_DATA, file));
    expect(head).toMatchObject({ type: 'snapshot', version: 1, crcValid: true, count: entries.length });
    expect(producers).toMatchObject(
      entries.map((entry) => ({
        type: 'producer',
        ...Object.fromEntries(['producerId', 'producerEpoch', 'coordinatorEpoch'].map((name) => [name, Number(entry[name])])),
        timestamp: Number(entry.lastTimestamp),
        currentTxnFirstOffset: optional(entry.currentTxnFirstOffset!) ?? -1,
        // A producer whose last transaction ended has no batch.
        ...(entry.lastOffset
          ? { lastSequence: Number(entry.lastSequence), lastOffset: Number(entry.lastOffset), offsetDelta: Number(entry.offsetDelta) }
          : {}),
      })),
    );
  });

  test('records of __consumer_offsets are decoded when that is asked for', async () => {
    const path = join(KAFKA_DATA, '__consumer_offsets-0/00000000000000000000.log');
    const rows = (await rowsOf<RecordJson>(path, '--decode', 'offsets')).filter(({ type }) => type === 'record');
    const [expected] = dumpedByKafka(join(KAFKA_DATA, 'DumpLogSegments-offsets.txt'));
    expect(rows.map(({ offset }) => `${offset}`)).toEqual(expected!.records.map(({ offset }) => offset));
    const seen = { offset: 0, group: 0, other: 0 };
    for (const [i, { decoded }] of rows.entries()) {
      const { key, payload } = expected!.records[i]!;
      if (!key) continue; // a marker
      const { type, data } = JSON.parse(key);
      const value = payload === '<DELETE>' ? null : JSON.parse(payload!).data;
      if (type === '1') expect(decoded).toMatchObject({ kind: 'offset', key: data, value });
      else if (type === '2') {
        const { members, ...rest } = value; // what members say of themselves is bytes to us, and decoded by Kafka's tool
        expect(decoded).toMatchObject({ kind: 'group', groupId: data.group, value: rest });
        expect(decoded!.value).toHaveProperty('members.length', members.length);
      } else expect(decoded).toMatchObject({ kind: 'other', type: Number(type), name: GROUP_RECORDS[type] });
      seen[decoded!.kind as keyof typeof seen]++;
    }
    expect(seen).toEqual({ offset: 3, group: 2, other: 10 });
  });
});

test('a log that Apache Kafka compacted is shown as its tool shows it', async () => {
  const logs = dumpedByKafka(join(KAFKA_COMPACTED, 'DumpLogSegments.txt')).filter(({ file }) => file.endsWith('.log'));
  expect(logs.length).toBeGreaterThan(0);
  for (const { file, batches, records } of logs) {
    const rows = await rowsOf<BatchJson>(join(KAFKA_COMPACTED, file), '--records');
    expect(rows.filter(({ type }) => type === 'batch')).toMatchObject(batches.map(batchOf));
    const ourRecords = rows.filter(({ type }) => type === 'record') as unknown as RecordJson[];
    expect(ourRecords.map((record) => recordOf(record, 'CreateTime'))).toEqual(records);
  }
});

test("kinds of records in __consumer_offsets have the names of Kafka's definitions", () => {
  const schema = new URL('../kafka-schema/4.4.0/records/', import.meta.url);
  const keys = readdirSync(schema).filter((name) => /^(Consumer|Share|Streams)Group.*Key\.json$/.test(name));
  const named = keys.map((name) => [JSON.parse(readFileSync(new URL(name, schema), 'utf8')).apiKey, name.replace('Key.json', '')]);
  expect(GROUP_RECORDS).toEqual(Object.fromEntries(named));
});

test('text: a line for each batch and record, under a line for the file', async () => {
  const { exitCode, out } = await dump(join(KAFKA_DATA, 'orders-0/00000000000000000024.log'), '--records');
  expect(exitCode).toBe(0);
  expect(out.split('\n').slice(-6)).toEqual([
    expect.stringContaining('value: "value of zstd xxx'),
    'position: 308  offsets: 30-32  count: 3  size: 94  leaderEpoch: 0  compression: none  CreateTime: 2023-11-14T22:13:50.500Z  crc: ok',
    '  | offset: 30  CreateTime: 2023-11-14T22:13:50.000Z  keySize: -1  valueSize: 6  key: null  value: "no key"',
    '  | offset: 31  CreateTime: 2023-11-14T22:13:50.500Z  keySize: 4  valueSize: -1  key: "gone"  value: null',
    '  | offset: 32  CreateTime: 2023-11-14T22:13:50.200Z  keySize: -1  valueSize: -1  key: null  value: null',
    '',
  ]);
  expect(out).toContain('  headers: "trace"="abc-zstd","empty"=null  ');
  expect(out).toMatch(/^\S+: log segment, base offset 24, 402 bytes\n/);
});

test.each([
  ['orders-0/leader-epoch-checkpoint', ['epoch: 0  startOffset: 0', 'epoch: 2  startOffset: 33']],
  [
    'recovery-point-offset-checkpoint',
    [
      'topic: __consumer_offsets  partition: 0  offset: 16',
      'topic: __transaction_state  partition: 0  offset: 11',
      'topic: orders  partition: 0  offset: 40',
      'topic: stamped  partition: 0  offset: 4',
    ],
  ],
  ['log-start-offset-checkpoint', ['no entries']],
  ['cleaner-offset-checkpoint', ['no entries']],
  ['orders-0/partition.metadata', ['version: 0', 'topic_id: KBYx1A7GSTu0FYThdnlzaQ']],
  ['meta.properties', ['node.id: 1', 'directory.id: A6L8vJxMqQfMlYTm2bv4bg', 'version: 1', 'cluster.id: MkU3OEVBNTcwNTJENDM2Qk']],
  ['.kafka_cleanshutdown', ['{"version":0,"brokerEpoch":41}']],
])('%s', async (file, lines) => {
  const { exitCode, out } = await dump(join(KAFKA_DATA, file));
  expect(exitCode).toBe(0);
  expect(out.trimEnd().split('\n').slice(1)).toEqual(lines);
});

test('of an index that Kafka made as large as it may get only the entries are shown', async () => {
  const entries = readFileSync(join(KAFKA_DATA, 'orders-0/00000000000000000012.index'));
  const path = write('00000000000000000012.index', Buffer.concat([entries, Buffer.alloc(10 * 1024 * 1024 - entries.byteLength)]));
  expect(await rowsOf(path)).toEqual([
    { type: 'offsetIndexEntry', file: path, offset: 17, position: 167 },
    { type: 'offsetIndexEntry', file: path, offset: 20, position: 334 },
    { type: 'offsetIndexEntry', file: path, offset: 23, position: 497 },
    { type: 'zeros', file: path, bytes: 10 * 1024 * 1024 - 24 },
  ]);
  const empty = write('00000000000000000013.timeindex', Buffer.alloc(10_485_756));
  expect(await rowsOf(empty)).toMatchObject([{ type: 'noEntries' }, { type: 'zeros', bytes: 10_485_756 }]);
});

test.each([
  [1, 'a batch of 163 bytes is cut off, 162 bytes of it are here'],
  [120, 'a batch of 163 bytes is cut off, 43 bytes of it are here'],
  [150, '13 bytes, too few for the header of a batch'],
])('a tail that lacks %i bytes is told with its position', async (missing, why) => {
  const whole = readFileSync(SEGMENT);
  const path = write('00000000000000000012.log', whole.subarray(0, whole.byteLength - missing));
  const rows = await rowsOf(path);
  expect(rows).toHaveLength(4);
  expect(rows[3]).toEqual({ type: 'rest', file: path, position: 497, leftBytes: 163 - missing, why });
});

test('noise is told as such, and what it cannot be is not allocated', async () => {
  const noise = Buffer.alloc(4096, 0x5a);
  const [rest, ...more] = await rowsOf(write('00000000000000000000.log', noise));
  expect([rest, more]).toMatchObject([{ type: 'rest', position: 0, leftBytes: 4096, why: expect.stringMatching(/magic would be 90/) }, []]);
  const huge = readFileSync(SEGMENT);
  huge.writeInt32BE(2 ** 31 - 13, 8);
  expect(await rowsOf(write('00000000000000000012.log', huge))).toMatchObject([
    { type: 'rest', position: 0, why: expect.stringMatching(/no broker takes more/) },
  ]);
  expect(await rowsOf(write('00000000000000000000.log', Buffer.alloc(1000)))).toMatchObject([
    { type: 'rest', leftBytes: 1000, why: expect.stringMatching(/zeros/) },
  ]);
});

test('a batch whose bytes changed is shown with its wrong CRC, and those behind it', async () => {
  const bytes = readFileSync(SEGMENT);
  bytes[160]! ^= 1; // in the compressed records of the first batch
  const rows = await rowsOf<BatchJson>(write('00000000000000000012.log', bytes), '--records');
  const crcs = rows.filter(({ type }) => type === 'batch').map(({ crcValid }) => crcValid);
  expect(crcs).toEqual([false, true, true, true]);
});

test.each([0, 1] as const)('a message of format %i is shown as one that is not decoded', async (magic) => {
  const path = write('00000000000000000000.log', Buffer.concat([oldMessage(magic), oldMessage(magic)]));
  const size = oldMessage(magic).byteLength;
  expect(await rowsOf(path)).toMatchObject([
    { type: 'oldMessage', position: 0, offset: 1, magic, sizeInBytes: size, crcValid: true, decoded: false },
    { type: 'oldMessage', position: size, magic },
  ]);
  expect((await dump(path)).out).toContain('not decoded');
});

test.each([
  ['00000000000000000009.snapshot', Buffer.alloc(3), 'too few'],
  ['00000000000000000009.snapshot', Buffer.alloc(64), 'version 0'],
  ['leader-epoch-checkpoint', Buffer.from('0\n2\n0 0\n'), 'damaged'],
  ['leader-epoch-checkpoint', Buffer.alloc(0), 'empty'],
  ['recovery-point-offset-checkpoint', Buffer.from([1, 2, 3, 255]), 'damaged'],
])('a %s that cannot be (%#) is told as such', async (name, content, why) => {
  expect(await rowsOf(write(name, content))).toMatchObject([{ type: 'unreadable', why: expect.stringContaining(why) }]);
});

test('a snapshot of another CRC or length is shown as far as it goes', async () => {
  const bytes = readFileSync(join(KAFKA_DATA, 'orders-0/00000000000000000012.snapshot'));
  bytes[20]! ^= 1;
  expect(await rowsOf(write('00000000000000000012.snapshot', bytes))).toMatchObject([
    { crcValid: false },
    { type: 'producer' },
    { type: 'producer' },
  ]);
  const rows = await rowsOf(write('00000000000000000012.snapshot', bytes.subarray(0, 70)));
  expect(rows).toMatchObject([{ crcValid: false }, { type: 'producer' }, { type: 'rest', position: 56, leftBytes: 14 }]);
});

test('a file of another name is known by its content', async () => {
  expect(await rowsOf(write('copy-of-a-segment', readFileSync(SEGMENT)))).toHaveLength(4);
  expect(await rowsOf(write('epochs', '0\n1\n4 7\n'))).toMatchObject([{ type: 'leaderEpoch', epoch: 4, startOffset: 7 }]);
  expect(await rowsOf(write('offsets', '0\n1\na-b.c 7 9\n'))).toMatchObject([{ topic: 'a-b.c', partition: 7, offset: 9 }]);
});

test('what is no file of a log directory, no file or not there is told in one line', async () => {
  const noise = write('noise', Buffer.from([1, 2, 3]));
  expect(await dump(noise)).toEqual({
    exitCode: 2,
    out: '',
    err: `minikafka: ${noise} is no file of a Kafka log directory, by its name and its content\n`,
  });
  expect(await dump(folder)).toEqual({
    exitCode: 2,
    out: '',
    err: `minikafka: ${folder} is a directory: name files in it, or check all of it with "minikafka log verify"\n`,
  });
  expect(await dump('/no/such.log')).toEqual({ exitCode: 2, out: '', err: 'minikafka: /no/such.log: there is no such file\n' });
});

test('of several files those that can be shown are', async () => {
  const { exitCode, out, err } = await dump('/no/such.log', SEGMENT, '--json');
  expect({ exitCode, err }).toEqual({ exitCode: 2, err: 'minikafka: /no/such.log: there is no such file\n' });
  expect(jsonLines(out)).toHaveLength(4);
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('a file without permission is told as such', async () => {
  const path = write('00000000000000000077.log', '');
  chmodSync(path, 0);
  expect(await dump(path)).toEqual({ exitCode: 1, out: '', err: `minikafka: ${path}: no permission to read it\n` });
});

test('an empty segment has nothing to show', async () => {
  expect(await rowsOf(write('00000000000000000005.log', ''))).toEqual([]);
});
