import { expect, test } from 'vitest';
import { LineWriter } from '../../src/cli/log/line-writer.ts';
import { scanLog } from '../../src/cli/log/log-scan.ts';
import type { FileHandle } from '../../src/core/files.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';

const MIB = 1024 * 1024;

/** A file of `parts`, one after the other, that remembers the most that was asked of it at once. */
function fileOf(parts: readonly Buffer[]): { readonly file: FileHandle; mostAsked(): number } {
  const bytes = Buffer.concat(parts);
  let most = 0;
  const readSync = (into: Uint8Array, position: number) => {
    most = Math.max(most, into.byteLength);
    const part = bytes.subarray(position, position + into.byteLength);
    into.set(part);
    return part.byteLength;
  };
  const refuse = () => {
    throw new Error('a scan only reads');
  };
  const file: FileHandle = {
    path: 'a.log',
    size: () => bytes.byteLength,
    readSync,
    read: (into, position, done) => done(null, readSync(into, position)),
    writeSync: refuse,
    write: refuse,
    truncate: refuse,
    syncSync: refuse,
    sync: refuse,
    close: () => {},
  };
  return { file, mostAsked: () => most };
}

async function scanned(file: FileHandle) {
  const seen: [position: number, baseOffset: number, crcMatches: boolean][] = [];
  let bytes = 0;
  const end = await scanLog(file, {
    batch: (batch, position) => void seen.push([position, batch.baseOffset, batch.crcMatches()]),
    old: () => {},
    progress: (more) => {
      bytes += more;
    },
  });
  return { seen, end, bytes };
}

test('a log larger than what is held of it is read whole, batches across the blocks too', async () => {
  const batches = Array.from({ length: 70 }, (_, i) => buildBatch({ records: [{ value: Buffer.alloc(100_000 + i) }], baseOffset: i }));
  const { file, mostAsked } = fileOf(batches);
  const { bytes, end, seen } = await scanned(file);
  let position = 0;
  const expected = batches.map((batch, i) => [(position += batch.byteLength) - batch.byteLength, i, true]);
  expect(seen).toEqual(expected);
  expect(end).toEqual({ position: file.size(), leftBytes: 0, why: null, torn: false });
  expect(bytes).toBe(file.size());
  expect(mostAsked()).toBe(2 * MIB);
});

test('for a larger batch just its bytes are held, and no longer than it takes', async () => {
  const small = buildBatch({ records: [{ value: Buffer.alloc(MIB) }] });
  const large = buildBatch({ records: [{ value: Buffer.alloc(5 * MIB) }] });
  const { file, mostAsked } = fileOf([small, large, small, small, small]);
  const { seen } = await scanned(file);
  expect(seen.map(([, , crcMatches]) => crcMatches)).toEqual([true, true, true, true, true]);
  expect(mostAsked()).toBe(large.byteLength);
});

test.each([
  ['at the bound', 100 * MIB, /is cut off/, true],
  ['beyond it', 100 * MIB + 1, /no broker takes more than 104857600$/, false],
])('for a batch that says to be %s nothing is allocated', async (_, size, why, torn) => {
  const batch = buildBatch({ records: [{ value: Buffer.alloc(100) }] });
  batch.writeInt32BE(size - 12, 8);
  const { file, mostAsked } = fileOf([batch]);
  const { end } = await scanned(file);
  expect(end).toEqual({ position: 0, leftBytes: batch.byteLength, why: expect.stringMatching(why), torn });
  expect(mostAsked()).toBe(batch.byteLength);
});

test('lines leave in pieces of a bounded size', () => {
  const pieces: string[] = [];
  const out = { line: () => {}, text: (text: string) => void pieces.push(text), isTerminal: false, hasColors: false, columns: undefined };
  const writer = new LineWriter(out, false);
  for (let i = 0; i < 10_000; i++) writer.row({}, 'x'.repeat(99));
  writer.flush();
  expect(pieces.join('')).toBe(`${'x'.repeat(99)}\n`.repeat(10_000));
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(33_000);
});
