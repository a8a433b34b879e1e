import { type Fetch, Produce } from '../../protocol/messages/index.ts';
import type { RequestTo, ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import type { Stage } from '../stage.ts';

export type FetchRequest = RequestTo<typeof Fetch>;
export type FetchStage = Stage<FetchRequest, ResponseOf<typeof Fetch>>;
export interface Topic {
  readonly name: string;
  readonly topicId: string;
}

/** Versions that answer with batches of magic 2. */
export const FETCH_MODERN = [4, 18] as const;
/** KIP-227 */
export const WITH_SESSIONS = [7, 18] as const;
/** No topic has it. */
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';
/** Longer than a scenario waits for a response: whoever waits for it gets none, so an answer came at once. */
export const AT_ONCE_MS = 60_000;

export const at = (partition: number, fetchOffset: number, more: object = {}) => ({
  partition,
  fetchOffset,
  partitionMaxBytes: 1_048_576,
  ...more,
});
export const of = (topic: Topic, ...partitions: ReturnType<typeof at>[]) => ({
  topic: topic.name,
  topicId: topic.topicId,
  partitions,
});
export const request = (topics: FetchRequest['topics'], more: Partial<FetchRequest> = {}): FetchRequest => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics,
  forgottenTopicsData: [],
  ...more,
});

type Asking = Pick<Stage<never, never>, 'ask'>;

/** Appends one batch and says how many bytes it has. */
export function append(stage: Asking, topic: Pick<Topic, 'name'>, values: string[], partition = 0): Promise<number> {
  return appendBytes(stage, topic, batchBytes({ values }), partition);
}

export async function appendBytes(stage: Asking, topic: Pick<Topic, 'name'>, records: Buffer, partition = 0): Promise<number> {
  await stage.ask(Produce, 8, {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: topic.name, partitionData: [{ index: partition, records }] }],
  });
  return records.byteLength;
}

/** The response without a part of a batch at the end of records, which clients drop: Apache Kafka sends the file up to the limit. */
export function wholeBatches(response: ResponseOf<typeof Fetch>) {
  return {
    ...response,
    responses: response.responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((data) => ({ ...data, records: data.records?.subarray(0, endOfWhole(data.records)) ?? null })),
    })),
  };
}

function endOfWhole(records: Uint8Array): number {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let end = 0;
  while (end + 12 <= records.byteLength && end + 12 + view.getInt32(end + 8) <= records.byteLength) end += 12 + view.getInt32(end + 8);
  return end;
}
