import { compile } from '../../codec.ts';
import type { Decoded, Encodable } from '../../schema.ts';
import { Reader } from '../../wire.ts';
import { type CoordinatorRecord, decodeValue, encode } from './coordinator-records.ts';
import { TransactionLogKey, TransactionLogValue } from './transaction-log-record.ts';

export type TransactionValue = Decoded<typeof TransactionLogValue.fields>;

/** What a record of __transaction_state says. */
export type TransactionRecord =
  | { readonly kind: 'transaction'; readonly transactionalId: string; readonly value: TransactionValue | null }
  | { readonly kind: 'other'; readonly type: number };

const TRANSACTION_KEY = 0;
/** What Apache Kafka 4.4.0 writes. */
const VALUE_VERSION = 1;

export function transactionRecord(transactionalId: string, value: Encodable<typeof TransactionLogValue.fields>): CoordinatorRecord {
  return {
    key: encode(TRANSACTION_KEY, TransactionLogKey, 0, { transactionalId }),
    value: encode(VALUE_VERSION, TransactionLogValue, VALUE_VERSION, value),
  };
}

/** The transactional id is not known any more. */
export function transactionTombstone(transactionalId: string): CoordinatorRecord {
  return { key: encode(TRANSACTION_KEY, TransactionLogKey, 0, { transactionalId }), value: null };
}

/** @throws DecodeError */
export function readTransactionRecord(keyBytes: Uint8Array, valueBytes: Uint8Array | null): TransactionRecord {
  const reader = new Reader(keyBytes);
  const type = reader.int16();
  if (type !== TRANSACTION_KEY) return { kind: 'other', type };
  const { transactionalId } = compile(TransactionLogKey, 0).decode(reader);
  return { kind: 'transaction', transactionalId, value: valueBytes && decodeValue(TransactionLogValue, valueBytes) };
}
