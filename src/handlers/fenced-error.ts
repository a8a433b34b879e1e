import type { ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';

/**
 * What a client is told of a producer that another one has replaced: PRODUCER_FENCED, which clients of older versions of an API do not know, and
 * take INVALID_PRODUCER_EPOCH for (KIP-588).
 */
export function fencedName(error: ErrorName, version: number, knownSince: number): ErrorName {
  return error === 'PRODUCER_FENCED' && version < knownSince ? 'INVALID_PRODUCER_EPOCH' : error;
}

export function fencedCode(error: KafkaError, version: number, knownSince: number): number {
  return new KafkaError(fencedName(error.errorName, version, knownSince)).code;
}
