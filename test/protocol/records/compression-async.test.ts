import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { lz4FrameOf, lz4Parts } from '../../../src/protocol/records/compression/lz4-frame.ts';
import { nodeZstd, zstdCodec } from '../../../src/protocol/records/compression/zstd.ts';
import { wasmZstd } from '../../../src/protocol/records/compression/zstd-wasm.ts';
import { ZstdWorker } from '../../../src/protocol/records/compression/zstd-worker.ts';
import { type Codec, codecOf } from '../../../src/protocol/records/compression.ts';

const refused = (errorName: string) => expect.objectContaining({ errorName });
const engines = [nodeZstd(), wasmZstd()].filter((engine) => engine !== undefined).map((engine) => zstdCodec(() => engine));
const codecs: Codec[] = [...[1, 2, 3, 4].map(codecOf), ...engines];

const noise = Buffer.from(Array.from({ length: 300_001 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 0xff));
const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${(i * i) % 977} of ${i % 13}\n`).join(''));

describe.each(codecs)('$name off the event loop', (codec) => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from('a')],
    ['noise', noise],
    ['text', text],
    ['a view into a larger buffer', new Uint8Array(noise.buffer, noise.byteOffset + 3, 70_000)],
  ])('gives back %s, either way', async (_, bytes) => {
    const maxBytes = Math.max(bytes.byteLength, 1);
    const compressed = await codec.compressAsync(bytes);
    expect(codec.decompress(compressed, maxBytes).equals(bytes)).toBe(true);
    expect((await codec.decompressAsync(codec.compress(bytes), maxBytes)).equals(bytes)).toBe(true);
  });

  test('the input keeps its bytes and its memory', async () => {
    const compressed = codec.compress(text);
    const copy = Buffer.from(compressed);
    await codec.decompressAsync(compressed, text.byteLength);
    expect(compressed.equals(copy)).toBe(true);
  });

  test('several at once do not mix', async () => {
    const inputs = Array.from({ length: 8 }, (_, i) => Buffer.alloc(200_000 + i, `input ${i} `));
    const outputs = await Promise.all(inputs.map((input) => codec.decompressAsync(codec.compress(input), 1e6)));
    expect(outputs.map((output, i) => output.equals(inputs[i]!))).toEqual(inputs.map(() => true));
  });

  test('the bound holds to the byte', async () => {
    const bytes = codec.compress(noise);
    expect((await codec.decompressAsync(bytes, noise.byteLength)).byteLength).toBe(noise.byteLength);
    await expect(codec.decompressAsync(bytes, noise.byteLength - 1)).rejects.toEqual(refused('MESSAGE_TOO_LARGE'));
  });

  test('what is cut off or no such stream at all is INVALID_RECORD', async () => {
    const bytes = codec.compress(text);
    for (const cut of [0, 1, 3, 6, 20, bytes.byteLength - 1]) {
      await expect(codec.decompressAsync(bytes.subarray(0, cut), 1e6), `cut at ${cut}`).rejects.toEqual(refused('INVALID_RECORD'));
    }
    await expect(codec.decompressAsync(Buffer.alloc(50, 0xff), 1e6)).rejects.toEqual(refused('INVALID_RECORD'));
  });

  test('a small bomb is stopped at the bound, without its size in memory', async () => {
    const bomb = codec.compress(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().rss;
    await expect(codec.decompressAsync(bomb, 1_000_000)).rejects.toEqual(refused('MESSAGE_TOO_LARGE'));
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000); // a worker thread has some 15 MB of its own
  });

  test('the event loop goes on turning while 50 MB are decompressed', async () => {
    const bytes = codec.compress(Buffer.alloc(50_000_000, text));
    let over = false;
    const decompressing = codec.decompressAsync(bytes, 100_000_000).finally(() => {
      over = true;
    });
    let turns = 0;
    for (; !over; turns++) await nextTurn();
    expect((await decompressing).byteLength).toBe(50_000_000);
    expect(turns).toBeGreaterThan(20); // were it done on the loop, a handful
  });

  test('the guess is near the truth for what the codec writes itself, and never more than the format can hold', () => {
    const bytes = codec.compress(text);
    const guess = codec.guessPlainBytes(bytes);
    expect(guess).toBeGreaterThan(bytes.byteLength);
    expect(guess).toBeLessThan(text.byteLength * 3);
    expect(codec.guessPlainBytes(codec.compress(Buffer.from('a')))).toBeLessThan(2000);
  });
});

describe('levels', () => {
  const sizeAt = (codec: Codec, level: number) => codec.compress(text, level).byteLength;

  test.each([codecOf(1), codecOf(4), ...engines])(
    '$name compresses further at a higher one, and its readers do not care',
    async (codec) => {
      expect(sizeAt(codec, 9)).toBeLessThan(sizeAt(codec, 1));
      for (const level of [1, 9]) {
        const later = await codec.compressAsync(text, level);
        // A frame that was streamed may lack its content's size.
        expect(Math.abs(later.byteLength - sizeAt(codec, level))).toBeLessThan(16);
        expect(codec.decompress(later, text.byteLength).equals(text)).toBe(true);
      }
    },
  );

  test.each([
    ['gzip', 1, [-1, 1, 9]],
    ['zstd', 4, [-131072, -7, 1, 22]],
  ])('%s takes the ends of its range', (_, id, levels) => {
    for (const level of levels) expect(codecOf(id).decompress(codecOf(id).compress(text, level), text.byteLength).equals(text)).toBe(true);
  });

  test.each([codecOf(2), codecOf(3)])('$name has none', (codec) => {
    expect(sizeAt(codec, 17)).toBe(sizeAt(codec, 1));
  });

  test("gzip's default is zlib's", () => {
    expect(sizeAt(codecOf(1), -1)).toBe(codecOf(1).compress(text).byteLength);
    expect(sizeAt(codecOf(1), 6)).toBe(codecOf(1).compress(text).byteLength);
    expect(gunzipSync(codecOf(1).compress(text)).equals(text)).toBe(true);
  });
});

test('a zstd thread that cannot start fails what was asked of it, and each later question is asked anew', async () => {
  const worker = new ZstdWorker({ script: '/nowhere/zstd.js', compiled: {} });
  const task = { compress: true, bytes: text, parameter: 3 };
  for (const _ of [1, 2]) await expect(worker.run(task)).rejects.toThrow('The zstd thread ended');
  expect(text.subarray(0, 4).toString()).toBe('line');
});

describe('lz4 frames are decompressed in parts', () => {
  const { compressFrameSync } = createRequire(import.meta.url)('lz4-napi') as {
    compressFrameSync(bytes: Buffer, options: { contentChecksum: boolean; blockChecksums: boolean }): Buffer;
  };
  const bytes = Buffer.alloc(9_000_000, noise);
  const lz4 = codecOf(3);

  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('with contentChecksum %s, blockChecksums %s', async (contentChecksum, blockChecksums) => {
    const frame = compressFrameSync(bytes, { contentChecksum, blockChecksums });
    expect((await lz4.decompressAsync(frame, bytes.byteLength)).equals(bytes)).toBe(true);
    await expect(lz4.decompressAsync(frame, bytes.byteLength - 1)).rejects.toEqual(refused('MESSAGE_TOO_LARGE'));
    await expect(lz4.decompressAsync(frame.subarray(0, -1), bytes.byteLength)).rejects.toEqual(refused('INVALID_RECORD'));
  });

  // xxHash-32 of a head, as other libraries wrote it: of python-lz4 (64 KiB blocks) and lz4_flex (4 MiB).
  test.each(['04224d18 604082', '04224d18 607073'])('a frame that begins with %s is read as one whose blocks begin with it', (head) => {
    const frame = Buffer.from(`${head} 03000080 616263 03000080 646566 00000000`.replaceAll(' ', ''), 'hex');
    const parts = lz4Parts(frame, 3);
    expect(parts.map((part) => lz4FrameOf(frame, part).toString('hex'))).toEqual(
      ['616263', '646566'].map((block) => `${head}03000080${block}00000000`.replaceAll(' ', '')),
    );
  });

  test('a block that its checksum does not fit is damage', async () => {
    const frame = compressFrameSync(bytes, { contentChecksum: false, blockChecksums: true });
    frame[300_000]! ^= 1;
    const read = lz4.decompressAsync(frame, bytes.byteLength).then(({ byteLength }) => byteLength);
    await expect(read).rejects.toEqual(refused('INVALID_RECORD'));
  });
});
