import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { realFiles } from '../../src/core/real-files.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { append, closeStore, openStore, orders } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';
import type { RunningBroker } from './broker-process.ts';
import { batchesIn, dumpProblems, logFilesBelow } from './dump-log.ts';
import { CODECS, inSequence, load } from './load.ts';
import { startMinikafka } from './minikafka.ts';
import { Peer, withPeer } from './peer.ts';
import { withoutKafka } from './with-kafka.ts';

const PARTITIONS = 3;
const ROUNDS = 3;
const CONFIG = { 'log.segment.bytes': '1048576', 'log.retention.check.interval.ms': '100', 'log.index.interval.bytes': '20000' };

describe.skipIf(withoutKafka)('DumpLogSegments finds nothing wrong', () => {
  test(`after ${ROUNDS} rounds of mixed load, kill -9 and torn ends`, async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    let broker = await startMinikafka(CONFIG);
    onTestFinished(() => broker.stop(true)); // its data stays after a failure
    const data = join(broker.directory, 'data');
    await withPeer(broker, async (peer) => {
      await peer.createTopic('mixed', PARTITIONS);
      await peer.createTopic('short', 1, { 'retention.bytes': '1000000', 'file.delete.delay.ms': '100' });
      await peer.createTopic('recoded', 1, { 'compression.type': 'lz4' });
    });
    const random = prng(seed);
    const tear = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < ROUNDS; round++) {
      await killUnderLoad(broker, seed + round, 60 + tear(60));
      for (let partition = 0; partition < PARTITIONS; partition++) tearEnd(join(data, `mixed-${partition}`), tear);
      broker = await broker.again();
      await withPeer(broker, async (peer) => {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const all = await peer.readAll('mixed', partition);
          if (all.length > 3) await peer.deleteRecords('mixed', partition, all[Math.floor(all.length / 3)]!.offset);
        }
        await peer.readAll('short', 0);
        await peer.readAll('recoded', 0);
      });
    }
    await withPeer(broker, async (peer) => {
      await peer.commit('group', 'mixed', 1);
      for (const records of load(seed, 40)) await peer.produce('short', 0, buildBatch({ records }));
      for (let tries = 0; (await peer.logStart('short', 0)) === 0 && tries < 100; tries++) await sleep(100);
      expect(await peer.logStart('short', 0)).toBeGreaterThan(0); // retention was at work
    });
    await broker.end();

    const files = logFilesBelow(data);
    for (const suffix of ['log', 'index', 'timeindex', 'snapshot']) {
      expect(files.filter((file) => file.startsWith('mixed-') && file.endsWith(`.${suffix}`)).length, suffix).toBeGreaterThan(PARTITIONS);
    }
    expect(files.some((file) => file.startsWith('__consumer_offsets-'))).toBe(true);
    expect(files.filter((file) => file.endsWith('.snapshot')).some((file) => readFileSync(join(data, file)).readInt32BE(6) > 0)).toBe(true);
    expect(dumpProblems(data)).toEqual([]);
    rmSync(broker.directory, { recursive: true });
  });
});

describe.skipIf(withoutKafka)('a file that is broken makes the check fail', () => {
  const FOLDER = 'orders-0';
  let sound: string;
  beforeAll(async () => {
    sound = mkdtempSync(join(tmpdir(), 'minikafka-sound-'));
    const store = openStore(realFiles, sound);
    const log = orders(store, { segmentBytes: 10_000, indexIntervalBytes: 1000 });
    const numbered = inSequence({ producerId: 7, producerEpoch: 0 });
    for (const records of load(1, 60, 400)) {
      const rising = records.map((record, i) => ({ ...record, timestamp: 1_000_000 + log.logEndOffset * 10 + i }));
      await append(log, Buffer.from(buildBatch(numbered(rising)))).done;
    }
    await closeStore(store);
  });
  afterAll(() => rmSync(sound, { recursive: true, force: true }));

  /** Copies the sound folder and breaks the second segment's file of this kind. */
  function brokenBy(suffix: string, change: (bytes: Buffer) => Buffer | undefined): string[] {
    const copy = mkdtempSync(join(tmpdir(), 'minikafka-broken-'));
    try {
      realFiles.makeDirectory(join(copy, FOLDER));
      const names = readdirSync(join(sound, FOLDER));
      for (const name of names) copyFileSync(join(sound, FOLDER, name), join(copy, FOLDER, name));
      const name = names.filter((each) => each.endsWith(suffix)).at(1)!;
      const bytes = readFileSync(join(sound, FOLDER, name));
      writeFileSync(join(copy, FOLDER, name), change(bytes) ?? bytes);
      return dumpProblems(copy);
    } finally {
      rmSync(copy, { recursive: true });
    }
  }
  const sizeOfBatch = (bytes: Buffer, at: number) => 12 + bytes.readInt32BE(at + 8);
  /** Exchanges two entries. */
  const exchange = (bytes: Buffer, entryBytes: number) =>
    Buffer.concat([bytes.subarray(entryBytes, 2 * entryBytes), bytes.subarray(0, entryBytes), bytes.subarray(2 * entryBytes)]);

  test('while the same file whole does not', () => {
    expect(logFilesBelow(sound).length).toBeGreaterThan(12);
    expect(dumpProblems(sound)).toEqual([]);
  });

  const breaks: [what: string, suffix: string, change: (bytes: Buffer) => Buffer | undefined, found: RegExp][] = [
    ['a flipped bit in a record', '.log', (bytes) => void (bytes[sizeOfBatch(bytes, 0) - 3]! ^= 1), /isvalid: false/],
    ['a batch that is missing', '.log', (bytes) => void laterSecond(bytes), /Non-consecutive offsets in/],
    [
      'half a batch at the end',
      '.log',
      (bytes) => bytes.subarray(0, bytes.byteLength - 5),
      /Found \d+ invalid bytes at the end|dumped, \d+ in the file/,
    ],
    ['a batch of another length', '.log', (bytes) => void bytes.writeInt32BE(5, 8), /\S/],
    ['an index entry of another offset', '.index', (bytes) => void bytes.writeInt32BE(bytes.readInt32BE(8) + 1, 8), /Mismatches in/],
    ['an index entry of another position', '.index', (bytes) => void bytes.writeInt32BE(bytes.readInt32BE(12) + 1, 12), /\S/],
    ['an index out of order', '.index', (bytes) => exchange(bytes, 8), /\.index: offset: \d+ position: \d+ is out of order/],
    ['time index entries out of order', '.timeindex', (bytes) => exchange(bytes, 12), /Found out of order timestamp in/],
    [
      'another time in the time index',
      '.timeindex',
      (bytes) => void bytes.writeInt32BE(bytes.readInt32BE(4) + 1, 4),
      /Found timestamp mismatch in/,
    ],
    [
      'another offset in the time index',
      '.timeindex',
      (bytes) => void bytes.writeInt32BE(bytes.readInt32BE(20) + 1, 20),
      /not found in the log|mismatch/,
    ],
    ['a flipped bit in a snapshot', '.snapshot', (bytes) => void (bytes[20]! ^= 1), /\S/],
  ];
  test.each(breaks)('%s', (_what, suffix, change, found) => {
    expect(brokenBy(suffix, change).join('\n')).toMatch(found);
  });

  /** As if there had been another record before it; a CRC does not cover the base offset. */
  function laterSecond(bytes: Buffer): void {
    const at = sizeOfBatch(bytes, 0);
    bytes.writeBigInt64BE(bytes.readBigInt64BE(at) + 1n, at);
  }
});

/** Several producers, each with its codec and each other one idempotent. After so many batches comes kill -9, with requests under way. */
async function killUnderLoad(broker: RunningBroker, seed: number, batches: number): Promise<void> {
  let appended = 0;
  let killed: Promise<void> | undefined;
  const producers = CODECS.map(async (_codec, attributes) => {
    const peer = await Peer.open(broker.port);
    try {
      const numbered = inSequence(await peer.producerId());
      for (let i = 0; ; i++) {
        for (const records of load(seed * 100 + i * 10 + attributes, 8, 20_000)) {
          const isIdempotent = attributes % 2 === 0;
          // An idempotent producer keeps to one partition, so that its sequence has no gaps there.
          const partition = isIdempotent ? attributes % PARTITIONS : Math.floor(records[0]!.timestamp! % PARTITIONS);
          const stamped = records.map((record) => ({ ...record, timestamp: record.timestamp! + 200_000_000_000 }));
          const bytes = buildBatch({ ...(isIdempotent ? numbered(stamped) : { records: stamped }), attributes });
          const { errorCode } = await peer.produce('mixed', partition, bytes);
          if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`);
          await peer.produce(attributes === 1 ? 'recoded' : 'short', 0, buildBatch({ records: stamped, attributes }));
          if (++appended >= batches) killed ??= broker.stop(true);
        }
      }
    } catch (error) {
      if (!killed) throw error;
    } finally {
      await peer.close();
    }
  });
  await Promise.all(producers);
  await killed;
}

/** Cuts into the last batch of a log, or adds half of one behind it, or leaves it. */
function tearEnd(folder: string, random: (limit: number) => number): void {
  const name = readdirSync(folder).findLast((each) => each.endsWith('.log'))!;
  const path = join(folder, name);
  const { size } = statSync(path);
  const choice = random(3);
  if (choice === 0 || batchesIn(path) === 0) return;
  const file = openSync(path, 'r+');
  if (choice === 1) ftruncateSync(file, size - 1 - random(60));
  else writeFileSync(path, readFileSync(path).subarray(0, 100), { flag: 'a' });
  closeSync(file);
}
