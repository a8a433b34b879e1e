import type { Clock } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import type { Logger } from '../core/logger.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { Fetch } from '../protocol/messages/fetch.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import type { FollowerSession, Slot } from './follower-session.ts';

export type FetchResponse = ResponseOf<typeof Fetch>;
type PartitionData = FetchResponse['responses'][number]['partitions'][number];

/** A request, from when it is sent until all that it brought is written. */
export interface FetchRequest {
  readonly number: number;
  /** It begins a session. */
  readonly begins: boolean;
  /** What it may bring, later what it brought: memory of this fetcher. */
  bytes: number;
  /** Writes of what it brought that have not finished; and 1 until all of it is taken in. */
  unfinished: number;
  /** Gives the memory of what it brought back. */
  release: () => void;
}

export interface IntakeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly session: FollowerSession;
  /** A partition failed: it waits before it is asked for again. */
  readonly failed: (slot: Slot) => void;
  /** A partition can be asked for again, or memory is free. */
  readonly changed: () => void;
  /** All that the request brought is written. */
  readonly finished: (request: FetchRequest) => void;
}

/** Partitions taken in before other work of the loop has its turn. */
const SLICE = 200;
const NOTHING = Buffer.alloc(0);
/** Said while leader and follower have not heard of the same election yet. */
const PASSING = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_LEADER_EPOCH',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_TOPIC_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);

/** Gives each partition what the leader said of it: slice by slice, as it may be thousands. */
export class FollowerIntake {
  private readonly options: IntakeOptions;
  /** Answered, and not all taken in; where the first goes on. */
  private arrived: { request: FetchRequest; response: FetchResponse }[] = [];
  private topic = 0;
  private partition = 0;
  private running = false;

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** What has arrived is not taken in yet: nothing may be asked for now, or the same would be asked for twice. */
  get isBusy(): boolean {
    return this.running;
  }

  push(request: FetchRequest, response: FetchResponse): void {
    this.arrived.push({ request, response });
    if (this.running) return;
    this.running = true;
    this.run();
  }

  /** What is not taken in yet does not count any more. */
  clear(): void {
    const dropped = this.arrived;
    this.arrived = [];
    this.topic = 0;
    this.partition = 0;
    for (const { request } of dropped) this.finish(request);
  }

  private run(): void {
    let left = SLICE;
    while (this.arrived.length > 0) {
      const { request, response } = this.arrived[0]!;
      const topic = response.responses[this.topic];
      const data = topic?.partitions[this.partition];
      if (!topic) {
        this.arrived.shift();
        this.topic = 0;
        this.finish(request);
      } else if (!data) {
        this.topic++;
        this.partition = 0;
      } else if (left-- === 0) {
        this.options.clock.soon(() => this.run());
        return;
      } else {
        this.partition++;
        this.takeOne(request, topic.topicId, data);
      }
    }
    this.running = false;
    this.options.changed();
  }

  private takeOne(request: FetchRequest, topicId: string, data: PartitionData): void {
    const slot = this.options.session.find(topicId, data.partitionIndex);
    const partition = slot?.partition ?? (safetyRules.dropStaleResponses ? null : slot?.was);
    if (!slot || !partition) return;
    const leaderEpoch = epochThatCounts(slot, request.number);
    if (leaderEpoch === null) return;
    if (data.errorCode !== 0) {
      this.refused(request, slot, leaderEpoch, data);
      return;
    }
    const { divergingEpoch, records, highWatermark, logStartOffset } = data;
    if (divergingEpoch.endOffset >= 0) partition.truncate(leaderEpoch, divergingEpoch, this.begin(request, slot));
    else partition.appendFetched(leaderEpoch, { records: records ?? NOTHING, highWatermark, logStartOffset }, this.begin(request, slot));
  }

  private refused(request: FetchRequest, slot: Slot, leaderEpoch: number, { errorCode, logStartOffset }: PartitionData): void {
    const errorName = errorNameOf(errorCode);
    if (errorName === 'OFFSET_OUT_OF_RANGE' && slot.sent && logStartOffset > slot.sent.fetchOffset) {
      slot.partition?.restartAt(leaderEpoch, logStartOffset, this.begin(request, slot));
      return;
    }
    this.fail(slot, errorName, PASSING.has(errorName));
  }

  /** The partition works on what came until the function that this gives is called. */
  private begin(request: FetchRequest, slot: Slot): (error: Error | null) => void {
    const { session, changed } = this.options;
    request.unfinished++;
    const done = (error: Error | null) => {
      if (slot.work === done) {
        slot.work = null;
        if (error) this.fail(slot, error.message, false);
        else slot.failures = 0;
      }
      session.touch(slot);
      this.finish(request);
      if (!this.running) changed();
    };
    slot.work = done;
    session.touch(slot); // a request that is sent before the end takes it out of the session
    return done;
  }

  private fail(slot: Slot, error: string, isPassing: boolean): void {
    const { partition, index, failures } = slot;
    const fields = { topic: partition?.topic, partition: index, error };
    const { logger } = this.options;
    if (failures === 0 && !isPassing) logger.warn(fields, 'a replica cannot follow its leader now');
    else logger.debug(fields, 'a replica cannot follow its leader now');
    this.options.session.touch(slot);
    this.options.failed(slot);
  }

  private finish(request: FetchRequest): void {
    if (--request.unfinished === 0) this.options.finished(request);
  }
}

/**
 * The leader epoch in which an answer counts for this partition; null: it does not. The partition must stand where it stood when it was asked for, and the
 * answer must be to the request that said so: of two under way, the earlier may know an older offset.
 */
function epochThatCounts({ partition, was, sent, sentIn }: Slot, requestNumber: number): number | null {
  const next = (partition ?? was)?.nextFetch();
  if (!next) return null;
  if (!safetyRules.dropStaleResponses) return next.leaderEpoch;
  if (!sent || sentIn > requestNumber) return null;
  return sent.leaderEpoch === next.leaderEpoch && sent.fetchOffset === next.fetchOffset ? next.leaderEpoch : null;
}

/** Bytes of records: views of one buffer, which goes when the last of them is written. */
export function recordBytes({ responses }: FetchResponse): number {
  let bytes = 0;
  for (const { partitions } of responses) for (const { records } of partitions) bytes += records?.byteLength ?? 0;
  return bytes;
}
