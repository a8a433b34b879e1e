import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Purgatory } from '../core/purgatory.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { MetadataStore, Rev } from '../metadata/store.ts';
import type { PreparationSlots } from '../storage/preparation-slots.ts';
import type { Compactions } from './compactions.ts';
import type { Fetchers } from './followed-partition.ts';

/** This broker's registration, while its lease holds. */
export interface LiveRegistration {
  /** The broker epoch. */
  readonly epoch: Rev;
  /** The Clock's monotonic time until which this broker may believe that it is registered. */
  validUntil(): number;
}

/** What a partition shares with the others of its broker. */
export interface PartitionServices {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly purgatory: Purgatory;
  readonly slots: PreparationSlots;
  readonly store: MetadataStore;
  readonly logger: Logger;
  readonly image: () => MetadataImage;
  /** null: this broker is not registered now, so it neither leads nor follows. */
  readonly registration: () => LiveRegistration | null;
  readonly fetchers: Fetchers;
  readonly compactions: Pick<Compactions, 'request'>;
  /** replica.lag.time.max.ms */
  readonly maxLagMs: () => number;
}

/**
 * Whether what this broker reads, or acknowledges alone, may still be true: after a pause another may lead since long (metadata-store rule 7).
 * @throws KafkaError NOT_LEADER_OR_FOLLOWER
 */
export function requireLease({ clock, registration }: Pick<PartitionServices, 'clock' | 'registration'>): void {
  const own = registration();
  if (!own || clock.monotonicMs() > own.validUntil())
    throw new KafkaError('NOT_LEADER_OR_FOLLOWER', 'This broker cannot tell whether it is still registered');
}
