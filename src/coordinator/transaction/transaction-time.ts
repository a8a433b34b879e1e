import { safetyRules } from '../../core/safety-rules.ts';
import type { CoordinatorRecord } from '../../protocol/messages/internal/coordinator-records.ts';
import { transactionTombstone } from '../../protocol/messages/internal/transaction-records.ts';
import { fence } from './init-producer.ts';
import type { Transaction } from './transaction.ts';
import { isComplete } from './transaction-status.ts';

/** Of the tombstones of one write. */
const MAX_WRITE_RECORDS = 1_000;

/** The transactions whose producers took longer than they said they would, and what becomes of each: aborted, its producer fenced. */
export function timedOut(transactions: Iterable<Transaction>, nowMs: number): { before: Transaction; after: Transaction }[] {
  return [...transactions]
    .filter(({ startMs, status, timeoutMs }) => status === 'Ongoing' && startMs + timeoutMs < nowMs)
    .map((before) => ({
      before,
      after: { ...fence(before, nowMs), ...(!safetyRules.timeoutFences && { producerEpoch: before.producerEpoch }) },
    }));
}

/**
 * The tombstones of ids that nobody has used for so long (transactional.id.expiration.ms), in the pieces in which they are written. Each piece
 * is made from the state of its moment.
 */
export function* expiredIds(
  transactions: ReadonlyMap<string, Transaction>,
  nowMs: number,
  expirationMs: number,
): Generator<CoordinatorRecord[], undefined> {
  let piece: CoordinatorRecord[] = [];
  for (const { status, transactionalId, updateMs } of transactions.values()) {
    const isIdle = status === 'Empty' || isComplete(status);
    if (!isIdle || updateMs + expirationMs > nowMs) continue;
    piece.push(transactionTombstone(transactionalId));
    if (piece.length < MAX_WRITE_RECORDS) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
  return undefined;
}
