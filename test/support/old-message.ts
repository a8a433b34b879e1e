import { crc32 } from 'node:zlib';

/** One message of magic 0 or 1 as Kafka before 0.11 stored it: offset i64, size i32, crc32 u32, magic i8, attributes i8, [timestamp i64,] key, value. */
export function oldMessage(magic: 0 | 1): Buffer {
  const body = Buffer.concat([Buffer.from([magic, 0]), Buffer.alloc(magic === 1 ? 8 : 0), int32(-1), int32(5), Buffer.from('value')]);
  const crc = int32(crc32(body) | 0);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), int32(4 + body.byteLength), crc, body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
