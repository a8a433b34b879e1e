import type { KnownDifference } from './known.ts';

/** Where minikafka differs from Apache Kafka, and why. A difference that is not here fails the comparison; so does an entry that no longer occurs. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [];
