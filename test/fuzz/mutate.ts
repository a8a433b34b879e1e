import type { Chance } from './chance.ts';

/** Sizes, counts, versions and offsets that code is wrong about. */
const EDGES = [0, 1, -1, -2, 0x7f, 0x80, 0xff, 0x7fff, -0x8000, 0xffff, 1 << 20, 100 << 20, 0x7ffffffe, 0x7fffffff, -0x80000000];
/** The same as unsigned varints: 0, 1, 127, 128, 2^28, 2^31 - 1, 2^32 - 1, one of ten bytes, one that never ends. */
const VARINTS = [
  '00',
  '01',
  '7f',
  '8001',
  '8080808001',
  'ffffffff07',
  'ffffffff0f',
  'ffffffffffffffffff01',
  'ffffffffffffffffffffffffff',
].map((hex) => Buffer.from(hex, 'hex'));
const MAX_BYTES = 256 * 1024;

type Mutation = (bytes: Buffer, from: number, chance: Chance, others: () => Buffer) => Buffer;

const spliced = (bytes: Buffer, at: number, removed: number, inserted: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(Math.min(at + removed, bytes.byteLength))]);

const overwritten = (bytes: Buffer, at: number, by: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes);
  copy.set(by.subarray(0, Math.max(copy.byteLength - at, 0)), Math.min(at, copy.byteLength));
  return copy;
};

const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, from, chance) {
    const copy = Buffer.from(bytes);
    for (let left = chance.between(1, 8); left > 0 && copy.byteLength > from; left--) {
      const at = chance.between(from, copy.byteLength - 1);
      copy[at] = copy[at]! ^ (1 << chance.below(8));
    }
    return copy;
  },
  (bytes, from, chance) => bytes.subarray(0, chance.between(from, bytes.byteLength)),
  (bytes, from, chance) => spliced(bytes, chance.between(from, bytes.byteLength), 0, chance.bytes(chance.between(1, 40))),
  (bytes, from, chance) => spliced(bytes, chance.between(from, bytes.byteLength), chance.between(1, 20), Buffer.alloc(0)),
  function duplicate(bytes, from, chance) {
    const [start, length] = [chance.between(from, bytes.byteLength), chance.between(1, 200)];
    return spliced(bytes, chance.between(from, bytes.byteLength), 0, bytes.subarray(start, start + length));
  },
  function edgeInteger(bytes, from, chance) {
    const width = chance.pick([1, 2, 4, 8]);
    const by = Buffer.alloc(8);
    by.writeBigInt64BE(BigInt(chance.pick(EDGES)));
    return overwritten(bytes, chance.between(from, bytes.byteLength), by.subarray(8 - width));
  },
  (bytes, from, chance) => spliced(bytes, chance.between(from, bytes.byteLength), chance.between(0, 4), chance.pick(VARINTS)),
  function graft(bytes, from, chance, others) {
    const other = others();
    const start = chance.below(other.byteLength + 1);
    return spliced(
      bytes,
      chance.between(from, bytes.byteLength),
      chance.between(0, 60),
      other.subarray(start, start + chance.between(1, 200)),
    );
  },
];

/** Some mutations, one on top of the other, of what stands from `from` on. `others` gives bytes to graft from. */
export function mutated(bytes: Buffer, from: number, chance: Chance, others: () => Buffer): Buffer {
  let result = bytes;
  for (let left = chance.pick([1, 1, 1, 2, 2, 3, 5]); left > 0; left--) {
    result = chance.pick(MUTATIONS)(result, Math.min(from, result.byteLength), chance, others);
  }
  return result.subarray(0, MAX_BYTES);
}
