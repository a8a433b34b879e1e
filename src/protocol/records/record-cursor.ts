import type { BatchView } from './batch.ts';
import { malformed, VarintReader } from './varint.ts';

/** A cursor over the records of one batch v2: offset, timestamp, and where key and value are. Headers are passed over. Nothing is allocated for a record. */
export class RecordCursor {
  readonly bytes: Uint8Array;
  offset = 0;
  /** The record's own, whatever the batch's timestamp type. */
  timestamp = -1;
  keyAt = 0;
  /** -1: null. */
  keyBytes = -1;
  valueAt = 0;
  valueBytes = -1;
  private readonly reader: VarintReader;
  private readonly baseOffset: number;
  private readonly baseTimestamp: number;
  private left: number;

  /** @param plain the batch's records, decompressed */
  constructor(batch: BatchView, plain: Uint8Array) {
    this.bytes = plain;
    this.reader = new VarintReader(plain);
    this.baseOffset = batch.baseOffset;
    this.baseTimestamp = batch.baseTimestamp;
    this.left = batch.count;
  }

  /** Where the next record begins. */
  get at(): number {
    return this.reader.at;
  }

  /** Moves to the next record; false when there is none. @throws KafkaError INVALID_RECORD for one that is damaged */
  next(): boolean {
    const { reader } = this;
    if (this.left <= 0) return false;
    this.left--;
    const length = reader.varint();
    if (length < 0 || length > reader.end - reader.at) throw malformed(`a record of ${length} bytes at byte ${reader.at}`);
    const end = reader.at + length;
    reader.take(1);
    this.timestamp = this.baseTimestamp + reader.varlong();
    this.offset = this.baseOffset + reader.varint();
    this.keyBytes = reader.varint();
    this.keyAt = this.keyBytes === -1 ? 0 : reader.take(this.keyBytes);
    this.valueBytes = reader.varint();
    this.valueAt = this.valueBytes === -1 ? 0 : reader.take(this.valueBytes);
    if (reader.at > end) throw malformed(`a record is longer than its length says, at byte ${reader.at}`);
    reader.take(end - reader.at);
    return true;
  }
}
