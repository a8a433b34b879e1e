import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BatchView } from '../../../src/protocol/records/batch.ts';
import { lz4Codec } from '../../../src/protocol/records/compression/lz4.ts';
import { snappyCodec } from '../../../src/protocol/records/compression/snappy.ts';
import { nodeZstd, zstdCodec } from '../../../src/protocol/records/compression/zstd.ts';
import { wasmZstd } from '../../../src/protocol/records/compression/zstd-wasm.ts';
import { type Codec, codecOf } from '../../../src/protocol/records/compression.ts';
import { readRecords, recordBytes, walkRecords } from '../../../src/protocol/records/walk.ts';
import { producedBatches } from '../../support/produced-batches.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const refused = (errorName: string) => expect.objectContaining({ errorName });
const codecs = [1, 2, 3, 4].map(codecOf);
const engines = [nodeZstd(), wasmZstd()].filter((engine) => engine !== undefined).map((engine) => zstdCodec(() => engine));
const everyCodec: Codec[] = [...codecs, ...engines];

interface Compressed {
  readonly client: string;
  readonly codec: string;
  readonly hex: string;
}
const compressed = readFileSync(new URL('../../golden/batches/compressed.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Compressed);

describe('what clients write', () => {
  test.each(compressed)('$client: $codec', (golden) => {
    const batch = new BatchView(hex(golden.hex));
    expect(batch.crcMatches()).toBe(true);
    expect(codecOf(batch.codecId).name).toBe(golden.codec);
    const read = readRecords(batch).map(({ key, value }) => `${key}: ${value}`);
    expect(read).toEqual([0, 1, 2].map((i) => `key-${i}: ${`${golden.codec} value ${i} `.repeat(9)}`));
  });

  test.each(producedBatches())('a produced batch of $client (v$version) has as many records as its head says', ({ records }) => {
    const batch = new BatchView(records);
    walkRecords(batch, recordBytes(batch)); // throws for any other number
    expect(readRecords(batch)).toHaveLength(records.readInt32BE(57));
  });
});

/** Written by python-snappy, lz4 and zstandard (PyPI) of this text. */
const TEXT = `${'minikafka '.repeat(8)}ends`;
const RAW_SNAPPY = '54 24 6d696e696b61666b6120 fe0a00 90 0a0c 656e6473';

describe('what other libraries write', () => {
  test.each<[string, number, string]>([
    ['zstd that declares its size', 4, '28b52ffd 2054 ad0000 706d696e696b61666b6120656e6473010053b42001'],
    ['zstd that declares none', 4, '28b52ffd 0058 ad0000 706d696e696b61666b6120656e6473010053b42001'],
    ['zstd with a checksum', 4, '28b52ffd 0458 ad0000 706d696e696b61666b6120656e6473010053b42001 a5b4b0c3'],
    ['a lz4 frame', 3, '04224d18 604082 14000000 af6d696e696b61666b61200a00325020656e6473 00000000'],
    [
      'lz4 with its size and all checksums',
      3,
      '04224d18 7c40 5400000000000000 2e 14000000 af6d696e696b61666b61200a00325020656e6473 0e3f0465 00000000 b8a4cf01',
    ],
  ])('%s', (_, id, bytes) => {
    expect(codecOf(id).decompress(hex(bytes), 84).toString()).toBe(TEXT);
    expect(() => codecOf(id).decompress(hex(bytes), 83)).toThrow(refused('MESSAGE_TOO_LARGE'));
  });

  test('lz4 with a block stored as it is', () => {
    const frame = hex('04224d18 604082 03000080 616263 00000000');
    expect(codecOf(3).decompress(frame, 3).toString()).toBe('abc');
  });

  test('several zstd frames and one to skip are read as one stream', () => {
    const frame = hex('28b52ffd 2003 190000 616263'); // RFC 8878: single segment, 3 bytes, one raw block
    const stream = Buffer.concat([frame, hex('502a4d18 02000000 ffff'), frame]);
    for (const codec of [codecOf(4), ...engines]) expect(codec.decompress(stream, 6).toString()).toBe('abcabc');
    for (const codec of engines) {
      expect(() => codec.decompress(stream, 5)).toThrow(refused('MESSAGE_TOO_LARGE'));
      expect(codec.decompress(Buffer.concat(Array(100).fill(frame)), 300).byteLength).toBe(300);
      expect(() => codec.decompress(Buffer.concat(Array(101).fill(frame)), 1000)).toThrow(refused('INVALID_RECORD'));
    }
  });

  test('snappy raw, and in two blocks of xerial framing', () => {
    const raw = hex('03 08 616263'); // a literal of three bytes
    const block = Buffer.concat([hex('00000005'), raw]);
    const framed = Buffer.concat([hex('82534e4150505900 00000001 00000001'), block, block]);
    expect(codecOf(2).decompress(raw, 3).toString()).toBe('abc');
    expect(codecOf(2).decompress(framed, 6).toString()).toBe('abcabc');
    expect(() => codecOf(2).decompress(framed, 5)).toThrow(refused('MESSAGE_TOO_LARGE'));
  });
});

const noise = Buffer.from(Array.from({ length: 200_001 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 0xff));

describe.each(everyCodec)('$name', (codec) => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from('a')],
    ['a block to the byte', noise.subarray(0, 65_536)],
    ['noise', noise],
    ['text', Buffer.from(TEXT.repeat(20_000))],
    ['a view into a larger buffer', new Uint8Array(noise.buffer, noise.byteOffset + 3, 1000)],
  ])('gives back %s', (_, bytes) => {
    expect(codec.decompress(codec.compress(bytes), Math.max(bytes.byteLength, 1)).equals(bytes)).toBe(true);
  });

  test('the bound holds to the byte', () => {
    const bytes = codec.compress(noise);
    expect(codec.decompress(bytes, noise.byteLength).byteLength).toBe(noise.byteLength);
    expect(() => codec.decompress(bytes, noise.byteLength - 1)).toThrow(refused('MESSAGE_TOO_LARGE'));
  });

  test('what is cut off, changed at its head or no such stream at all is INVALID_RECORD', () => {
    const bytes = codec.compress(Buffer.from(TEXT.repeat(1000)));
    for (const cut of [0, 1, 3, 6, 20, bytes.byteLength - 1]) {
      expect(() => codec.decompress(bytes.subarray(0, cut), 1e6), `cut at ${cut}`).toThrow(refused('INVALID_RECORD'));
    }
    expect(() => codec.decompress(Buffer.alloc(50, 0xff), 1e6)).toThrow(refused('INVALID_RECORD'));
  });

  test('a small bomb is stopped at the bound, without its size in memory', () => {
    const bomb = codec.compress(Buffer.alloc(50_000_000));
    const grown = memoryGrownBy(() => expect(() => codec.decompress(bomb, 1_000_000)).toThrow(refused('MESSAGE_TOO_LARGE')));
    expect(grown).toBeLessThan(8_000_000);
  });
});

/** Bytes that buffers, WebAssembly among them, hold more than before. Nothing is collected between as the call is synchronous and short. */
function memoryGrownBy(act: () => void): number {
  const before = process.memoryUsage();
  act();
  const after = process.memoryUsage();
  return Math.max(after.arrayBuffers - before.arrayBuffers, after.external - before.external, after.rss - before.rss - 30_000_000);
}

describe('a forged length is refused before anything is allocated for it', () => {
  const xerial = '82534e4150505900 00000001 00000001';
  const forged: [string, number, string][] = [
    ['raw snappy of 4 GB', 2, 'ffffffff0f 08616263'],
    ['raw snappy of 90 MB', 2, '80d2f52a 08616263'],
    ['a length that does not end', 2, 'ffffffffffff'],
    ['a xerial block of 4 GB', 2, `${xerial} 00000009 ffffffff0f08616263`],
    ['a xerial block longer than the batch', 2, `${xerial} 7fffffff 0308616263`],
    ['a negative xerial block', 2, `${xerial} ffffffff 0308616263`],
    ['a lz4 frame of 2^63', 3, '04224d18 684000000000000000802e 03000080 616263 00000000'],
    ['a lz4 block longer than the batch', 3, '04224d18 604082 ffffff7f 616263'],
    ['zstd of 4 GB', 4, '28b52ffd a0ffffffff 190000 616263'],
    ['zstd of 2^63', 4, '28b52ffd e00000000000000080 190000 616263'],
    ['zstd of 90 MB', 4, '28b52ffd a0804a5d05 190000 616263'],
    ['a zstd block longer than the batch', 4, '28b52ffd 2003 f9ff0f 616263'],
    ['a zstd window of 2 TB without blocks', 4, '28b52ffd 00ff'],
  ];
  test.each(forged)('%s', (_, id, bytes) => {
    for (const codec of id === 4 ? [codecOf(4), ...engines] : [codecOf(id)]) {
      const grown = memoryGrownBy(() => expect(() => codec.decompress(hex(bytes), 100 * 1024 * 1024)).toThrow(refused('INVALID_RECORD')));
      expect(grown).toBeLessThan(1_000_000);
    }
  });

  test('snappy may be as small as its format allows, and no smaller', () => {
    expect(codecOf(2).decompress(hex('41 0061 fe0100'), 65).toString()).toBe('a'.repeat(65)); // 64 bytes in a copy of three
    expect(() => codecOf(2).decompress(hex('42 0061 fe0100'), 100)).toThrow(refused('INVALID_RECORD')); // says 66
    expect(() => codecOf(2).decompress(hex(RAW_SNAPPY.replace('54', '55')), 100)).toThrow(refused('INVALID_RECORD'));
  });

  test.each([83, 85])('zstd blocks that come to 84 bytes are refused when their frame says %i', (declared) => {
    const frame = hex('28b52ffd 2054 ad0000 706d696e696b61666b6120656e6473010053b42001');
    frame[5] = declared;
    for (const codec of engines) expect(() => codec.decompress(frame, 100)).toThrow(refused('INVALID_RECORD'));
  });

  test('lz4 blocks that depend on each other are refused, as Java reads none', () => {
    const linked = hex('04224d18 4040c0 03000080 616263 00000000');
    expect(() => codecOf(3).decompress(linked, 100)).toThrow(refused('INVALID_RECORD'));
  });
});

describe('a library that is missing', () => {
  const missing = () => {
    throw new Error('Cannot find native binding');
  };
  test.each([
    ['snappy', snappyCodec(missing), '03 08616263'],
    ['lz4-napi', lz4Codec(missing), '04224d18 604082 03000080 616263 00000000'],
    ['@bokuweb/zstd-wasm', zstdCodec(missing), '28b52ffd 2003 190000 616263'],
  ])('%s: the error says to install it', (packageName, codec, bytes) => {
    const error = expect.objectContaining({
      errorName: 'UNSUPPORTED_COMPRESSION_TYPE',
      message: expect.stringContaining(`npm install ${packageName}`),
    });
    expect(() => codec.compress(Buffer.from('a'))).toThrow(error);
    expect(() => codec.decompress(hex(bytes), 100)).toThrow(error);
  });

  test('it is looked for once', () => {
    let tries = 0;
    const codec = snappyCodec(() => {
      tries++;
      return missing();
    });
    for (const _ of [1, 2]) expect(() => codec.compress(Buffer.from('a'))).toThrow(refused('UNSUPPORTED_COMPRESSION_TYPE'));
    expect(tries).toBe(1);
  });
});

test('after a large batch zstd in WebAssembly goes on with an instance of its own size', () => {
  const codec = zstdCodec(wasmZstd);
  const before = process.memoryUsage().arrayBuffers;
  const bytes = Buffer.alloc(60_000_000, TEXT);
  for (const _ of [1, 2]) expect(codec.decompress(codec.compress(bytes), bytes.byteLength).equals(bytes)).toBe(true);
  expect(codec.decompress(codec.compress(Buffer.from('small')), 5).toString()).toBe('small');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400_000_000);
});

test('a codec id that Kafka does not have is refused', () => {
  for (const id of [5, 6, 7]) expect(() => codecOf(id)).toThrow(refused('UNSUPPORTED_COMPRESSION_TYPE'));
});
