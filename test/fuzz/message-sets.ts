import { crc32 } from 'node:zlib';
import { message, messages, wrapper } from '../../src/conformance/scenarios/legacy-bytes.ts';
import type { Chance } from './chance.ts';
import { mutated } from './mutate.ts';

const CRC_AT = 12;
const MAGIC_AT = 16;
const CODECS = [1, 2, 3];

/** The size and checksum of the one entry as they should be, so that a broker looks at what is behind them. */
function sealed(entry: Buffer): Buffer {
  if (entry.byteLength < MAGIC_AT) return entry;
  entry.writeInt32BE(entry.byteLength - CRC_AT, 8);
  entry.writeUInt32BE(crc32(entry.subarray(MAGIC_AT)), CRC_AT);
  return entry;
}

export function validMessageSet(chance: Chance, magic = chance.below(2)): Buffer {
  const values = Array.from({ length: chance.between(1, 5) }, () => chance.bytes(chance.pick([0, 1, 30, 200])).toString('latin1'));
  const set = messages(magic, values, { ...(chance.percent(50) && { key: 'k' }), ...(chance.percent(20) && { offset: chance.below(5) }) });
  return chance.percent(50) ? set : wrapper(magic, chance.pick(CODECS), set, { offset: chance.pick([0, values.length - 1, 2 ** 40]) });
}

/**
 * Messages of the formats before record batches that get past their checksum, and are wrong behind it in most cases.
 * @param bombs record batches that become very much: what they hold is put into a wrapper
 */
export function hostileMessageSet(chance: Chance, bombs: readonly Buffer[]): Buffer {
  const magic = chance.below(2);
  const others = () => validMessageSet(chance);
  const kind = chance.below(100);
  if (kind < 1) {
    const bomb = chance.pick(bombs);
    return message({ magic, attributes: bomb.readInt16BE(21) & 7, value: bomb.subarray(61) });
  }
  if (kind < 20) return validMessageSet(chance);
  if (kind < 45) return sealed(mutated(message({ magic, key: 'key', value: chance.bytes(30) }), MAGIC_AT, chance, others));
  if (kind < 60) return wrapper(magic, chance.pick(CODECS), mutated(messages(magic, ['a', 'b', 'c']), 0, chance, others));
  if (kind < 75)
    return wrapper(magic, chance.pick(CODECS), sealed(mutated(message({ magic, value: chance.bytes(30) }), MAGIC_AT, chance, others)));
  if (kind < 85) return message({ magic, attributes: chance.between(0, 255) - 128, value: chance.bytes(chance.below(100)) });
  if (kind < 92) return mutated(validMessageSet(chance), 0, chance, others);
  return Buffer.concat([validMessageSet(chance), validMessageSet(chance)]);
}
