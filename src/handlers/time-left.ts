import { KafkaError } from '../core/errors.ts';

/**
 * As Kafka's controller, which drops a change whose time is over before it gets to it: with no time at all, nothing is done. (Otherwise a
 * change takes as long as it takes, or until the store gives up.)
 * @throws KafkaError REQUEST_TIMED_OUT, for the request as a whole
 */
export function requireTime(timeoutMs: number): void {
  if (timeoutMs <= 0) throw new KafkaError('REQUEST_TIMED_OUT');
}
