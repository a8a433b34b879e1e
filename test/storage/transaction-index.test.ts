import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { HandleCache } from '../../src/storage/handle-cache.ts';
import { TransactionIndex } from '../../src/storage/transaction-index.ts';

/** Of Apache Kafka's; DumpLogSegments.txt beside it says what is in it. */
const kafkas = readFileSync(new URL('../cli/kafka-data/orders-0/00000000000000000035.txnindex', import.meta.url));
const PATH = '/log/00000000000000000100.txnindex';

function indexOf(files = memoryFiles(), isNew = true) {
  files.makeDirectory('/log');
  return { files, index: new TransactionIndex(new HandleCache(files, 4).file(PATH), 100, isNew) };
}
const aborted = (producerId: number, firstOffset: number, lastOffset: number, lastStableOffset = lastOffset + 1) => ({
  producerId,
  firstOffset,
  lastOffset,
  lastStableOffset,
});
function collected(index: TransactionIndex, from: number, to: number): [ids: number[], isAll: boolean] {
  const into: ReturnType<typeof aborted>[] = [];
  const isAll = index.collect(from, to, into);
  return [into.map(({ producerId }) => producerId), isAll];
}

test('reads and writes what Apache Kafka writes, byte for byte', () => {
  const { files, index } = indexOf(memoryFiles(), false);
  files.replace(PATH, kafkas);
  expect([...index.entries()]).toEqual([aborted(1000, 36, 37, 38)]);

  const { files: others, index: ours } = indexOf();
  for (const entry of index.entries()) ours.append(entry);
  ours.spill();
  expect(others.read(PATH)).toEqual(kafkas);
});

test('there is no file before a transaction was aborted, whatever is done with the index', () => {
  const { files, index } = indexOf();
  index.spill();
  index.syncSync();
  index.sync((error) => expect(error).toBeNull());
  index.truncateTo(0);
  index.clear();
  expect(index.isSane(100)).toBe(true);
  expect(collected(index, 0, 200)).toEqual([[], false]);
  expect(files.list('/log')).toEqual([]);
  index.append(aborted(1, 90, 101));
  index.spill();
  expect(files.read(PATH)?.byteLength).toBe(34);
});

test('gives what overlaps a range, and stops where nothing behind can', () => {
  const { index } = indexOf();
  // 1 and 2 were open together; so were 3 and 4, and 4 still was when 3 ended.
  index.append(aborted(1, 90, 101, 95));
  index.append(aborted(2, 95, 103));
  index.append(aborted(3, 104, 110, 106));
  index.append(aborted(4, 106, 120));
  index.append(aborted(5, 130, 140));
  index.spill();
  expect(collected(index, 0, 1000)).toEqual([[1, 2, 3, 4, 5], false]);
  expect(collected(index, 0, 90)).toEqual([[], true]);
  expect(collected(index, 0, 91)).toEqual([[1], true]);
  expect(collected(index, 0, 96)).toEqual([[1, 2], true]);
  expect(collected(index, 101, 104)).toEqual([[1, 2], true]);
  expect(collected(index, 102, 106)).toEqual([[2, 3], true]);
  expect(collected(index, 104, 107)).toEqual([[3, 4], true]);
  expect(collected(index, 111, 113)).toEqual([[4], true]);
  expect(collected(index, 121, 131)).toEqual([[5], true]);
  expect(collected(index, 121, 141)).toEqual([[5], true]);
  expect(collected(index, 121, 142)).toEqual([[5], false]);
  expect(collected(index, 141, 142)).toEqual([[], false]);
});

test('ids and offsets beyond 2^32 are kept', () => {
  const { files, index } = indexOf();
  const large = aborted(2 ** 53 - 1, 2 ** 40 + 7, 2 ** 41 + 1, 2 ** 41 + 2);
  index.append(large);
  index.spill();
  expect([...indexOf(files, false).index.entries()]).toEqual([large]);
});

test('is cut to the markers before an offset, on the disk and in memory', () => {
  const { index } = indexOf();
  for (const at of [101, 105, 109]) index.append(aborted(at, at - 1, at));
  index.spill();
  for (const at of [113, 117]) index.append(aborted(at, at - 1, at));
  const left = () => [...index.entries()].map(({ lastOffset }) => lastOffset);
  index.truncateTo(118);
  expect(left()).toEqual([101, 105, 109, 113, 117]);
  index.truncateTo(117);
  expect(left()).toEqual([101, 105, 109, 113]);
  index.truncateTo(105);
  expect(left()).toEqual([101]);
  index.append(aborted(7, 104, 105));
  expect(left()).toEqual([101, 105]);
  index.clear();
  expect(left()).toEqual([]);
});

test('an index that cannot be that of its segment is told', () => {
  const saneWith = (bytes: Buffer, endOffset = 200) => {
    const { files, index } = indexOf(memoryFiles(), false);
    files.replace(PATH, bytes);
    return index.isSane(endOffset);
  };
  const { files, index } = indexOf();
  index.append(aborted(1, 90, 150));
  index.spill();
  const sound = files.read(PATH)!;
  expect(saneWith(sound)).toBe(true);
  expect(saneWith(sound, 150)).toBe(false); // of a marker that the log does not hold
  expect(saneWith(sound.subarray(0, 33))).toBe(false);
  expect(saneWith(kafkas)).toBe(false); // of a segment before this one
  expect(saneWith(Buffer.alloc(0))).toBe(true);
});
