import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import type { MarkerResult, MarkersToWrite } from './marker-queues.ts';

/** A marker as a partition's log takes it. */
export type Marker = Omit<MarkersToWrite, 'topics'>;

export interface MarkerWriterOptions {
  /**
   * Writes a marker to a partition that this broker leads; `done` once it is committed.
   * @throws KafkaError, and `done` gets one: NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED
   */
  readonly append: (topic: string, partition: number, marker: Marker, done: (error: Error | null) => void) => void;
}

/** Writes markers to the partitions that this broker leads: what WriteTxnMarkers asks for, and this broker's own coordinator. */
export class MarkerWriter {
  private readonly options: MarkerWriterOptions;

  constructor(options: MarkerWriterOptions) {
    this.options = options;
  }

  /** The results of each, in the order of its partitions. Never rejects. */
  write(all: readonly MarkersToWrite[]): Promise<MarkerResult[][]> {
    return Promise.all(
      all.map(({ topics, ...marker }) =>
        Promise.all([...topics].flatMap(([topic, partitions]) => [...partitions].map((partition) => this.one(topic, partition, marker)))),
      ),
    );
  }

  private one(topic: string, partition: number, marker: Marker): Promise<MarkerResult> {
    return new Promise((resolve) => {
      const end = (error: unknown) => resolve({ topic, partition, error: nameOf(error) });
      try {
        this.options.append(topic, partition, marker, end);
      } catch (error) {
        end(error);
      }
    });
  }
}

function nameOf(error: unknown): ErrorName {
  if (error === null) return 'NONE';
  return error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR';
}
