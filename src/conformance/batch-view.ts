import { crc32c } from '../protocol/records/crc.ts';

const HEADER_BYTES = 61;
const BEFORE_LENGTH_BYTES = 12;
/** Longer payloads are told apart by their checksum. */
const SHOWN_PAYLOAD_BYTES = 256;

/**
 * Records as a transcript shows them: each batch with the fields of its header. Independent of src/protocol/records, which it is there to
 * test. The last entry is a string when bytes are left over or the magic is not 2.
 */
export function batchViews(bytes: Buffer): unknown[] {
  const views: unknown[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const left = bytes.subarray(at);
    if (left.byteLength < HEADER_BYTES || left.readInt8(16) !== 2) {
      views.push(left.byteLength <= SHOWN_PAYLOAD_BYTES ? left.toString('hex') : `${left.byteLength} bytes`);
      break;
    }
    const length = left.readInt32BE(8) + BEFORE_LENGTH_BYTES;
    if (length < HEADER_BYTES || length > left.byteLength) {
      views.push('a part of a batch');
      break;
    }
    views.push(viewOf(left.subarray(0, length)));
    at += length;
  }
  return views;
}

function viewOf(batch: Buffer): Record<string, unknown> {
  const payload = batch.subarray(HEADER_BYTES);
  return {
    baseOffset: Number(batch.readBigInt64BE(0)),
    bytes: batch.byteLength,
    partitionLeaderEpoch: batch.readInt32BE(12),
    crc: batch.readUInt32BE(17) === crc32c(batch.subarray(21)) ? 'right' : 'wrong',
    attributes: batch.readInt16BE(21),
    lastOffsetDelta: batch.readInt32BE(23),
    baseTimestamp: Number(batch.readBigInt64BE(27)),
    maxTimestamp: Number(batch.readBigInt64BE(35)),
    producerId: Number(batch.readBigInt64BE(43)),
    producerEpoch: batch.readInt16BE(51),
    baseSequence: batch.readInt32BE(53),
    count: batch.readInt32BE(57),
    payload: payload.byteLength <= SHOWN_PAYLOAD_BYTES ? payload.toString('hex') : `crc32c ${crc32c(payload)}`,
  };
}
