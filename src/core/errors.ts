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

/** The wire code of an error: a KafkaError's own, UNKNOWN_SERVER_ERROR (-1) for everything else. */
export function errorCodeOf(error: unknown): number {
  return error instanceof KafkaError ? error.code : ERROR_CODES.UNKNOWN_SERVER_ERROR.code;
}
