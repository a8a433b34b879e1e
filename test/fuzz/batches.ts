import { gzipSync } from 'node:zlib';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { codecOf } from '../../src/protocol/records/compression.ts';
import { crc32c } from '../../src/protocol/records/crc.ts';
import type { Chance } from './chance.ts';
import { mutated } from './mutate.ts';

const HEADER_BYTES = 61;
const MEBIBYTE = 1024 * 1024;
/** Where a header field stands and how wide it is: attributes, lastOffsetDelta, both timestamps, producer id, epoch, sequence, count. */
const HEADER_FIELDS = [
  [21, 2],
  [23, 4],
  [27, 8],
  [35, 8],
  [43, 8],
  [51, 2],
  [53, 4],
  [57, 4],
] as const;
const EDGES = [-1n, 0n, 1n, 2n, 0x7fn, 0x7fffn, 0x7fffffffn, -0x80000000n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];

/** Length and CRC as they should be, so that a broker looks at what is behind them. */
function sealed(batch: Buffer): Buffer {
  if (batch.byteLength < HEADER_BYTES) return batch;
  batch.writeInt32BE(batch.byteLength - 12, 8);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

export function validBatch(chance: Chance, codec = chance.pick([0, 0, 0, 1, 2, 3, 4])): Buffer {
  const bytes = () => (chance.percent(15) ? null : chance.bytes(chance.pick([0, 1, 5, 30, 200])));
  const idempotent = chance.percent(20);
  return buildBatch({
    attributes: codec,
    records: Array.from({ length: chance.between(1, 5) }, () => ({
      key: bytes(),
      value: bytes(),
      timestamp: 1_700_000_000_000 + chance.below(1000),
      headers: Array.from({ length: chance.pick([0, 0, 1, 3]) }, () => ({ key: chance.bytes(3).toString('hex'), value: bytes() })),
    })),
    ...(idempotent ? { producerId: chance.below(5), producerEpoch: chance.below(2), baseSequence: chance.below(5) } : {}),
  });
}

/** A little that claims to be, or becomes, very much. Made once: it takes seconds. */
export function bombs(): readonly Buffer[] {
  const header = buildBatch({ records: [{ value: Buffer.from('x') }] }).subarray(0, HEADER_BYTES);
  const of = (codec: number, compressed: Uint8Array) => {
    const batch = Buffer.concat([header, compressed]);
    batch.writeInt16BE(codec, 21);
    return sealed(batch);
  };
  const zeros = Buffer.alloc(120 * MEBIBYTE);
  const forged = Buffer.from('ffffffff0f', 'hex'); // raw snappy: 4 GiB by its own words
  return [
    of(1, gzipSync(zeros)),
    of(1, Buffer.concat([gzipSync(zeros.subarray(0, 20 * MEBIBYTE)), gzipSync(zeros.subarray(0, 20 * MEBIBYTE))])),
    of(2, forged),
    of(2, codecOf(2).compress(zeros.subarray(0, 15 * MEBIBYTE))),
    of(3, codecOf(3).compress(zeros)),
    of(4, codecOf(4).compress(zeros)),
  ];
}
/** A batch that gets past its CRC, and is wrong behind it in most cases. */
export function hostileBatch(chance: Chance, bombs: readonly Buffer[]): Buffer {
  const batch = validBatch(chance);
  const others = () => validBatch(chance);
  const kind = chance.below(100);
  if (kind < 1) return chance.pick(bombs);
  if (kind < 10) return batch;
  if (kind < 35) return sealed(mutated(batch, HEADER_BYTES, chance, others));
  if (kind < 50) {
    for (let left = chance.between(1, 3); left > 0; left--) {
      const [at, width] = chance.pick(HEADER_FIELDS);
      const value = Buffer.alloc(8);
      value.writeBigInt64BE(chance.pick(EDGES));
      batch.set(value.subarray(8 - width), at);
    }
    return sealed(batch);
  }
  if (kind < 65) {
    const garbage = Buffer.concat([batch.subarray(0, HEADER_BYTES), chance.bytes(chance.between(0, 300))]);
    garbage.writeInt16BE(chance.between(0, 7), 21);
    return sealed(garbage);
  }
  if (kind < 80) return sealed(recompressed(batch, chance, others));
  if (kind < 90) return mutated(batch, 0, chance, others);
  return Buffer.concat([batch, chance.percent(50) ? validBatch(chance) : batch.subarray(0, chance.below(batch.byteLength))]);
}

/** Wrong records in a compressed form that is right. */
function recompressed(batch: Buffer, chance: Chance, others: () => Buffer): Buffer {
  const plain = validBatch(chance, 0);
  const codec = chance.between(1, 4);
  const records = mutated(plain.subarray(HEADER_BYTES), 0, chance, others);
  const header = Buffer.from(batch.subarray(0, HEADER_BYTES));
  plain.copy(header, 23, 23, HEADER_BYTES);
  header.writeInt16BE(codec, 21);
  return Buffer.concat([header, codecOf(codec).compress(records)]);
}
