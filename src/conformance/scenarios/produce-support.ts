import type { Produce } from '../../protocol/messages/index.ts';
import type { RequestTo, ResponseOf } from '../../protocol/schema.ts';
import type { Bytes } from '../../protocol/wire.ts';
import { batchBytes } from '../batch-bytes.ts';
import type { Stage } from '../stage.ts';

export type ProduceStage = Stage<RequestTo<typeof Produce>, ResponseOf<typeof Produce>>;
export interface Topic {
  readonly name: string;
  readonly topicId: string;
}

/** Versions that carry batches of magic 2. */
export const PRODUCE_MODERN = [3, 13] as const;
/** No topic has it. */
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';

export const part = (index: number, records: Bytes | null) => ({ index, records });
/** A request that appends to one partition. */
export const one = (topic: Topic, records: Bytes | null, acks = -1, index = 0) => ({
  acks,
  timeoutMs: 5000,
  topicData: [{ ...topic, partitionData: [part(index, records)] }],
});
/** What the log holds, seen by a version of Fetch that both Kafkas speak and that names topics. */
export const whole = (topic: Pick<Topic, 'name'>, partition = 0) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: topic.name, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
});
export const hello = batchBytes({ values: ['hello'] });
