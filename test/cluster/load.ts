import { setTimeout as sleep } from 'node:timers/promises';
import { buildBatch } from '../../src/protocol/records/build.ts';
import type { Client } from './client.ts';

/** A batch that a broker acknowledged: records `first` to `first + count - 1` of a partition at `offset` and behind. */
export interface Acknowledged {
  readonly first: number;
  readonly count: number;
  /** -1: acknowledged as a duplicate, by a broker that does not say of what. */
  readonly offset: number;
  readonly broker: number;
}

export interface LoadOptions {
  readonly client: Client;
  readonly topic: string;
  readonly partitions: number;
  readonly idempotent: boolean;
  readonly recordsPerSecond: number;
  /** How many records a partition may have by now; default: no end of them. Time at the limit is not made up for. */
  readonly limit?: () => number;
}

const TICK_MS = 10;
const MAX_BATCH_RECORDS = 500;
/** What may wait in one lane, as a client's buffer is bounded. */
const MAX_BACKLOG = 10_000;
const ATTEMPT_MS = 2_000;
const RETRY_MS = 10;
/** Batches of an idempotent producer under way at once, as the Java client has it. */
const MAX_IN_FLIGHT = 5;
const PADDING = Buffer.alloc(80, '.');

interface Batch {
  readonly first: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** Sends numbered records with acks=all to every partition of a topic, each until it is acknowledged, whatever becomes of the brokers. */
export class Load {
  readonly topic: string;
  readonly idempotent: boolean;
  readonly partitions: number;
  /** By partition, in order. */
  readonly acknowledged: Acknowledged[][];
  /** By partition: records that were sent more than once, so that without idempotence they may be there twice. */
  readonly sentAgain: Set<number>[];
  /** What no broker may answer to what was sent. */
  readonly wrong: string[] = [];
  /** How often each failure was met. */
  readonly failures = new Map<string, number>();
  private readonly client: Client;
  private readonly recordsPerSecond: number;
  private readonly limit: () => number;
  private readonly lanes: Promise<void>[] = [];
  private stopping = false;

  constructor({ client, topic, partitions, idempotent, recordsPerSecond, limit = () => Number.POSITIVE_INFINITY }: LoadOptions) {
    this.client = client;
    this.topic = topic;
    this.partitions = partitions;
    this.idempotent = idempotent;
    this.recordsPerSecond = recordsPerSecond;
    this.limit = limit;
    this.acknowledged = Array.from({ length: partitions }, () => []);
    this.sentAgain = Array.from({ length: partitions }, () => new Set());
  }

  async start(): Promise<void> {
    await this.client.findLeaders(this.topic, this.partitions);
    const producer = this.idempotent ? await this.client.initProducerId() : { producerId: -1, producerEpoch: -1 };
    for (let p = 0; p < this.partitions; p++) this.lanes.push(this.lane(p, producer));
  }

  /** Records acknowledged so far. */
  get count(): number {
    return this.acknowledged.reduce((sum, lane) => sum + laneCount(lane), 0);
  }

  /** Batches acknowledged so far, by partition. */
  marks(): number[] {
    return this.acknowledged.map((lane) => lane.length);
  }

  /** Resolves when every partition has acknowledged something more. @throws Error at the deadline */
  async progress(deadlineMs: number): Promise<void> {
    const before = this.marks();
    const end = performance.now() + deadlineMs;
    while (!this.marks().every((mark, p) => mark > before[p]!)) {
      if (performance.now() > end) {
        const stuck = before.flatMap((mark, p) => (this.acknowledged[p]!.length > mark ? [] : [p]));
        throw new Error(`${this.topic}: nothing acknowledged in ${deadlineMs} ms for partitions ${stuck}; failures ${this.failureText()}`);
      }
      await sleep(5);
    }
  }

  /** Sends nothing new and waits until all is acknowledged. @throws Error at the deadline */
  async stop(deadlineMs = 60_000): Promise<void> {
    this.stopping = true;
    const late = new AbortController();
    await Promise.race([
      Promise.all(this.lanes),
      sleep(deadlineMs, undefined, { signal: late.signal }).then(() => {
        throw new Error(`${this.topic}: not everything was acknowledged in ${deadlineMs} ms; failures ${this.failureText()}`);
      }),
    ]).finally(() => late.abort());
  }

  abandon(): void {
    this.stopping = true;
  }

  failureText(): string {
    return [...this.failures].map(([name, times]) => `${name} x${times}`).join(', ') || 'none';
  }

  private async lane(partition: number, producer: { producerId: number; producerEpoch: number }): Promise<void> {
    const perTick = (this.recordsPerSecond / this.partitions / 1000) * TICK_MS;
    const begun = performance.now();
    let made = 0;
    let skipped = 0;
    let queue: Batch[] = [];
    for (;;) {
      let due = Math.floor(((performance.now() - begun) / TICK_MS) * perTick) - skipped;
      const beyond = Math.max(0, due - this.limit());
      skipped += beyond;
      due -= beyond;
      if (due - made > MAX_BACKLOG) skipped += due - made - MAX_BACKLOG;
      while (!this.stopping && queue.length < (this.idempotent ? MAX_IN_FLIGHT : 1) && made < due) {
        const count = Math.min(MAX_BATCH_RECORDS, due - made);
        queue.push({ first: made, count, bytes: batchOf(partition, made, count, producer) });
        made += count;
      }
      if (queue.length === 0) {
        if (this.stopping) return;
        await sleep(TICK_MS);
        continue;
      }
      queue = await this.send(partition, queue);
    }
  }

  /** Sends all at once, in order. @returns what is to be sent again: from the first on that was not acknowledged */
  private async send(partition: number, batches: readonly Batch[]): Promise<Batch[]> {
    const answers = await Promise.all(batches.map(({ bytes }) => this.client.produce(this.topic, partition, bytes, -1, ATTEMPT_MS)));
    const failedAt = answers.findIndex(({ errorName }) => errorName !== 'NONE' && errorName !== 'DUPLICATE_SEQUENCE_NUMBER');
    const good = failedAt < 0 ? answers.length : failedAt;
    for (let i = 0; i < good; i++) {
      const { baseOffset, broker, errorName } = answers[i]!;
      const offset = errorName === 'NONE' ? baseOffset : -1;
      this.acknowledged[partition]!.push({ first: batches[i]!.first, count: batches[i]!.count, offset, broker });
    }
    if (failedAt < 0) return [];
    const { errorName, broker } = answers[failedAt]!;
    const kind = /no response/.test(errorName)
      ? 'no response'
      : errorName.replace(/^.* is closed: |^no connection to \S+ |(broker )?\S+:\d{4,5}/g, '').trim();
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
    if (/OUT_OF_ORDER|UNKNOWN_PRODUCER|INVALID_PRODUCER|CORRUPT|UNSUPPORTED|UNKNOWN_SERVER/.test(errorName) && this.wrong.length < 20) {
      this.wrong.push(`${this.topic}-${partition}: broker ${broker} answers ${errorName} to record ${batches[failedAt]!.first}`);
    }
    this.client.refresh();
    await sleep(RETRY_MS);
    const again = batches.slice(failedAt);
    for (const { first, count } of again) for (let n = first; n < first + count; n++) this.sentAgain[partition]!.add(n);
    return again;
  }
}

const laneCount = (lane: readonly Acknowledged[]): number => lane.reduce((sum, { count }) => sum + count, 0);

/** Record n of a partition has the value `partition n ....`. */
function batchOf(partition: number, first: number, count: number, producer: { producerId: number; producerEpoch: number }): Buffer {
  const timestamp = Date.now();
  const records = Array.from({ length: count }, (_, i) => ({
    value: Buffer.concat([Buffer.from(`${partition} ${first + i} `), PADDING]),
    timestamp,
  }));
  return buildBatch({ records, ...producer, baseSequence: producer.producerId < 0 ? -1 : first });
}
