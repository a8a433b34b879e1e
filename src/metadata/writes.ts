import { KafkaError } from '../core/errors.ts';
import { type Cond, InDoubtError, type KV, MAX_OPS, type MetadataStore, type Op, UnavailableError } from './store.ts';

/** Conflicting writers of one key: each round, one of them succeeds. */
const MAX_ATTEMPTS = 20;

/**
 * A conditional write on behalf of a client; the store's failures become errors that make the client try again.
 * @throws KafkaError KAFKA_STORAGE_ERROR (not applied), REQUEST_TIMED_OUT (perhaps applied)
 */
export async function write(store: MetadataStore, conds: readonly Cond[], ops: readonly Op[]): Promise<{ ok: boolean; rev: number }> {
  try {
    return await store.txn(conds, ops);
  } catch (error) {
    throw toKafkaError(error);
  }
}

/** @throws KafkaError KAFKA_STORAGE_ERROR */
export async function read(store: MetadataStore, key: string): Promise<{ kv?: KV; rev: number }> {
  try {
    return await store.get(key);
  } catch (error) {
    throw toKafkaError(error);
  }
}

/** Operations in groups that fit in one transaction each. */
export function* batches<T>(items: readonly T[], size = MAX_OPS): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}

/**
 * Repeats `attempt` until it gives a result; undefined stands for a conflict with another writer.
 * @throws KafkaError REQUEST_TIMED_OUT when the others never let it through
 */
export async function untilNoConflict<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < MAX_ATTEMPTS; i++) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new KafkaError('REQUEST_TIMED_OUT', 'Others keep changing the same metadata; try again.');
}

function toKafkaError(error: unknown): unknown {
  if (error instanceof InDoubtError) return new KafkaError('REQUEST_TIMED_OUT', 'The metadata store did not confirm the change.');
  if (error instanceof UnavailableError) return new KafkaError('KAFKA_STORAGE_ERROR', 'The metadata store is not available.');
  return error;
}
