import { readFileSync } from 'node:fs';
import { Parser } from 'binary-parser';
import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { decodeSnapshot, encodeSnapshot, ProducerSnapshots } from '../../src/storage/producer-snapshot.ts';
import { DEFAULT_PRODUCER_LIMITS, type ProducerEntry, ProducerState } from '../../src/storage/producer-state.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly fields?: readonly Field[];
}

/** Kafka's own definition of the file; the version stands before it. */
const schema: { fields: Field[] } = JSON.parse(
  readFileSync(new URL('../kafka-schema/4.4.0/records/ProducerSnapshot.json', import.meta.url), 'utf8'),
);
function parserOf(fields: readonly Field[]): Parser {
  const parser = new Parser().endianness('big');
  for (const { name, type, fields: inner } of fields) {
    if (inner) parser.int32('count').array(name, { length: 'count', type: parserOf(inner) });
    else if (type === 'int64') parser.int64(name);
    else if (type === 'int32') parser.int32(name);
    else if (type === 'uint32') parser.uint32(name);
    else if (type === 'int16') parser.int16(name);
    else throw new Error(`a new type: ${type}`);
  }
  return parser;
}
const snapshotFile = new Parser()
  .endianness('big')
  .int16('Version')
  .nest({ type: parserOf(schema.fields) });

const batch = { lastSequence: 9, lastOffset: 2 ** 40, offsetDelta: 3, timestamp: 1_700_000_000_123 };
const entry: ProducerEntry = { epoch: 5, batches: [batch], timestamp: batch.timestamp, coordinatorEpoch: -1, transactionFirstOffset: -1 };
const emptied: ProducerEntry = { epoch: 6, batches: [], timestamp: 77, coordinatorEpoch: 4, transactionFirstOffset: 12 };
const older = { ...batch, lastSequence: 5, lastOffset: 17 };

function stateOf(...entries: [number, ProducerEntry][]): ProducerState {
  const state = new ProducerState(fakeClock(), DEFAULT_PRODUCER_LIMITS, 'orders-0');
  for (const [producerId, value] of entries) state.set(producerId, value);
  return state;
}

/** CRC-32C, bit by bit. */
function castagnoli(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

test("a snapshot has Kafka's layout and checksum, and each producer's last batch", () => {
  const bytes = encodeSnapshot(stateOf([2 ** 33, { ...entry, batches: [older, batch] }], [8, emptied]));
  const read = snapshotFile.parse(bytes);
  expect({ version: read.Version, crc: read.Crc }).toEqual({ version: 1, crc: castagnoli(bytes.subarray(6)) });
  expect(bytes.byteLength).toBe(10 + 2 * 46);
  expect(read.ProducerEntries).toEqual([
    {
      ProducerId: 2n ** 33n,
      Epoch: 5,
      LastSequence: 9,
      LastOffset: 2n ** 40n,
      OffsetDelta: 3,
      Timestamp: 1_700_000_000_123n,
      CoordinatorEpoch: -1,
      CurrentTxnFirstOffset: -1n,
    },
    {
      ProducerId: 8n,
      Epoch: 6,
      LastSequence: -1,
      LastOffset: -1n,
      OffsetDelta: 0,
      Timestamp: 77n,
      CoordinatorEpoch: 4,
      CurrentTxnFirstOffset: 12n,
    },
  ]);
  expect(decodeSnapshot(bytes)).toEqual([
    [2 ** 33, entry],
    [8, emptied],
  ]);
});

test('a snapshot without producers is ten bytes', () => {
  const bytes = encodeSnapshot(stateOf());
  expect(snapshotFile.parse(bytes)).toEqual({ Version: 1, Crc: castagnoli(Buffer.alloc(4)), count: 0, ProducerEntries: [] });
  expect(decodeSnapshot(bytes)).toEqual([]);
});

test('any flipped bit and any missing or additional byte shows', () => {
  const bytes = encodeSnapshot(stateOf([1, entry]));
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeSnapshot(damaged)).toBeNull();
  }
  for (let length = 0; length < bytes.byteLength; length++) expect(decodeSnapshot(bytes.subarray(0, length))).toBeNull();
  expect(decodeSnapshot(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull();
});

test('the latest sound snapshot is loaded; damaged ones before it and half-written ones are removed', () => {
  const files = memoryFiles();
  files.makeDirectory('/log');
  const name = (offset: number) => `${String(offset).padStart(20, '0')}.snapshot`;
  files.replace(`/log/${name(5)}`, encodeSnapshot(stateOf([1, entry])));
  files.replace(`/log/${name(10)}`, encodeSnapshot(stateOf([2, entry])));
  files.replace(`/log/${name(15)}`, Buffer.alloc(0));
  files.replace(`/log/${name(20)}.tmp`, 'half');
  const snapshots = new ProducerSnapshots(files, '/log', files.list('/log'));
  const state = stateOf([3, entry]);
  expect(snapshots.load(state, Number.POSITIVE_INFINITY)).toBe(10);
  expect([...state.entries()]).toEqual([[2, entry]]);
  expect(files.list('/log')).toEqual([name(5), name(10)]);
});

test('snapshots where segments begin and the last two are kept', () => {
  const files = memoryFiles();
  files.makeDirectory('/log');
  const snapshots = new ProducerSnapshots(files, '/log', []);
  for (const offset of [3, 10, 14, 20, 27, 30, 33]) snapshots.write(offset, stateOf());
  snapshots.prune([0, 10, 20]);
  expect(files.list('/log').map((name) => Number(name.slice(0, 20)))).toEqual([10, 20, 30, 33]);
});

test('a snapshot that the log no longer reaches does not come back after a power failure', () => {
  const files = memoryFiles();
  files.makeDirectory('/log');
  files.syncDirectory('/');
  for (const offset of [5, 10]) files.replace(`/log/${String(offset).padStart(20, '0')}.snapshot`, encodeSnapshot(stateOf([1, entry])));
  const snapshots = new ProducerSnapshots(files, '/log', files.list('/log'));
  snapshots.removeAfter(7);
  files.crash();
  expect(files.list('/log')).toEqual(['00000000000000000005.snapshot']);
});
