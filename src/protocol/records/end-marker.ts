import { type BatchView, CONTROL_BIT, TRANSACTIONAL_BIT } from './batch.ts';
import { buildBatch } from './build.ts';
import { forEachRecord } from './walk.ts';

/** How a transaction ended, as the control record says it that ends it in a partition. */
export interface EndMarker {
  readonly commits: boolean;
  /** Of the transaction coordinator that decided it. */
  readonly coordinatorEpoch: number;
}

/** Types of control records that end a transaction; others are of logs of KRaft. */
const ABORT = 0;
const COMMIT = 1;
/** Of the key, and of the value. */
const VERSION = 0;
const KEY_BYTES = 4;
const VALUE_BYTES = 6;

/** The batch that ends a transaction, as Kafka writes it: one record, whose key is version i16 and type i16, and value version i16 and coordinator epoch i32. */
export function buildEndMarker(
  marker: EndMarker & { readonly producerId: number; readonly producerEpoch: number },
  timestamp: number,
): Buffer {
  const { commits, coordinatorEpoch, producerId, producerEpoch } = marker;
  const key = Buffer.alloc(KEY_BYTES);
  key.writeInt16BE(VERSION, 0);
  key.writeInt16BE(commits ? COMMIT : ABORT, 2);
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeInt16BE(VERSION, 0);
  value.writeInt32BE(coordinatorEpoch, 2);
  return buildBatch({ records: [{ key, value, timestamp }], attributes: TRANSACTIONAL_BIT | CONTROL_BIT, producerId, producerEpoch });
}

/** What a control batch ends; null: no transaction, or its marker was compacted away. The whole batch must be there. */
export function endMarkerOf(batch: BatchView): EndMarker | null {
  if (!batch.isControl || batch.count < 1) return null;
  let marker: EndMarker | null = null;
  try {
    forEachRecord(batch, ({ key, value }) => {
      if (!key || !value || key.byteLength < KEY_BYTES || value.byteLength < VALUE_BYTES) return false;
      const type = key.readInt16BE(2);
      if (type === ABORT || type === COMMIT) marker = { commits: type === COMMIT, coordinatorEpoch: value.readInt32BE(2) };
      return false;
    });
  } catch {
    // No broker writes such a batch. Whoever holds it has checked its CRC, and nothing but that can be done about it.
  }
  return marker;
}
