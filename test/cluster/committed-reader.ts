import { setTimeout as sleep } from 'node:timers/promises';
import { errorNameOf } from '../../src/core/error-codes.ts';
import { FindCoordinator, OffsetFetch } from '../../src/protocol/messages/index.ts';
import { type BatchView, eachBatch } from '../../src/protocol/records/batch.ts';
import { forEachRecord } from '../../src/protocol/records/walk.ts';
import { type Client, type Fetched, READ_COMMITTED } from './client.ts';

const PAUSE_MS = 50;
const ANSWER_MS = 10_000;
const ABORT_MARKER = 0;

/**
 * The values of a partition's committed records, from its begin to its end, as a consumer with read_committed filters them.
 * @throws Error when a transaction stays open until the deadline, or the partition cannot be read
 */
export async function readCommitted(client: Client, topic: string, partition: number, deadlineMs: number): Promise<string[]> {
  const deadline = performance.now() + deadlineMs;
  const values: string[] = [];
  for (let position = 0; ; ) {
    const fetched = await client.fetch(topic, partition, position, READ_COMMITTED);
    const next = takeCommitted(fetched, position, values);
    if (fetched.errorName === 'NONE' && next === fetched.highWatermark) return values;
    if (next === position) {
      const { errorName, lastStableOffset, highWatermark } = fetched;
      const at = `offset ${position}, last stable offset ${lastStableOffset}, high watermark ${highWatermark}`;
      if (performance.now() > deadline) throw new Error(`${topic}-${partition}: cannot read on at ${at}: ${errorName}`);
      client.refresh();
      await sleep(PAUSE_MS);
    }
    position = next;
  }
}

/** @returns where to read on */
function takeCommitted({ records, aborted }: Fetched, position: number, values: string[]): number {
  const begins = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const inAborted = new Set<number>();
  let next = position;
  for (const batch of eachBatch(records)) {
    next = batch.lastOffset + 1;
    while (begins.length > 0 && begins[0]!.firstOffset <= batch.lastOffset) inAborted.add(begins.shift()!.producerId);
    if (batch.isControl) {
      if (markerType(batch) === ABORT_MARKER) inAborted.delete(batch.producerId);
    } else if (!(batch.isTransactional && inAborted.has(batch.producerId))) {
      forEachRecord(batch, ({ offset, value }) => {
        if (offset >= position) values.push(value!.toString('latin1'));
      });
    }
  }
  return next;
}

/** A control record's key is its version and its type. */
function markerType(batch: BatchView): number {
  let type = -1;
  forEachRecord(batch, ({ key }) => {
    type = key!.readInt16BE(2);
  });
  return type;
}

/** A group's committed offsets by partition, -1 where there is none. `isStable`: not while a transaction may change them. @throws Error with what is answered */
export async function committedOffsets(
  client: Client,
  groupId: string,
  name: string,
  partitions: number,
  isStable: boolean,
): Promise<number[]> {
  const connection = await client.connectionTo(await coordinatorOf(client, groupId));
  const topics = [{ name, partitionIndexes: Array.from({ length: partitions }, (_, p) => p) }];
  const answer = await connection.request(OffsetFetch, 7, { groupId, topics, requireStable: isStable }, ANSWER_MS);
  if (answer.errorCode !== 0) throw new Error(errorNameOf(answer.errorCode));
  const offsets = new Array<number>(partitions).fill(-1);
  for (const { partitionIndex, committedOffset, errorCode } of answer.topics[0]!.partitions) {
    if (errorCode !== 0) throw new Error(`partition ${partitionIndex}: ${errorNameOf(errorCode)}`);
    offsets[partitionIndex] = committedOffset;
  }
  return offsets;
}

async function coordinatorOf(client: Client, key: string): Promise<number> {
  for (const id of client.ports().keys()) {
    try {
      const connection = await client.connectionTo(id);
      const found = await connection.request(FindCoordinator, 2, { key }, 2_000);
      if (found.errorCode === 0) return found.nodeId;
    } catch {
      // the next one
    }
  }
  throw new Error(`nobody coordinates ${key} now`);
}
