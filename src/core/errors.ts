import { types } from 'node:util';
import { ERROR_CODES, type ErrorName } from './error-codes.ts';

/**
 * A failure with a place in the protocol: one of Kafka's error codes, by name. Thrown by any layer, caught at the smallest unit that the
 * response can express. `message` goes to clients where a response has a field for it, so it says what to do and names no internals.
 */
export class KafkaError extends Error {
  override name = 'KafkaError';
  readonly errorName: ErrorName;
  constructor(errorName: ErrorName, message?: string) {
    super(message ?? errorName.toLowerCase().replaceAll('_', ' '));
    this.errorName = errorName;
  }
  get code(): number {
    return ERROR_CODES[this.errorName].code;
  }
}

/** A lock that another process, or this one, holds. */
export class LockedError extends Error {
  override name = 'LockedError';
  readonly code = 'ELOCKED';
  /** What the holder said of itself when it took the lock; empty when it could not be read. */
  readonly holder: string;
  constructor(path: string, holder: string) {
    super(`${path} is locked${holder ? ` by ${holder}` : ''}`);
    this.holder = holder;
  }
}

/** The wire code of an error: a KafkaError's own, UNKNOWN_SERVER_ERROR (-1) for everything else. */
export function errorCodeOf(error: unknown): number {
  return error instanceof KafkaError ? error.code : ERROR_CODES.UNKNOWN_SERVER_ERROR.code;
}

/** `instanceof Error` that also holds for Node's own errors where this code runs in a context of its own, with an `Error` of its own: Jest's tests do. */
export function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

/** What was thrown, as an Error: itself if it is one. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(String(thrown));
}

/** What Node calls a failure: ENOENT, ERR_BUFFER_TOO_LARGE; empty when it is not Node's. */
export function nodeCodeOf(error: unknown): string {
  return isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
