import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { Fetch, ListOffsets } from '../protocol/messages/index.ts';
import { type BatchView, eachBatch } from '../protocol/records/batch.ts';
import { forEachRecord } from '../protocol/records/walk.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import { AbortedRecords } from './aborted-records.ts';
import { addressOf, type BootstrapConnection } from './bootstrap.ts';
import { CliError } from './errors.ts';
import { LostLeader, mayHaveMoved } from './lost-leader.ts';
import type { RecordSink } from './record-sink.ts';
import { type RecordStart, resolveStart } from './record-start.ts';

/** How far a partition is read; it outlives the connection. */
export interface PartitionPosition {
  readonly partition: number;
  /** The next to read; null: the start is not resolved yet. */
  offset: number | null;
  /** Asked for at once; more when a batch did not fit. */
  maxBytes: number;
}

export interface LeaderReaderOptions {
  readonly broker: BootstrapConnection;
  readonly topic: string;
  readonly topicId: string;
  readonly positions: PartitionPosition[];
  readonly start: RecordStart;
  /** No records of transactions that are open or were aborted. */
  readonly readCommitted: boolean;
  readonly sink: RecordSink;
  /** Of one response. */
  readonly maxBytes: number;
  readonly warn: (sentence: string) => void;
  /** Called at each response. */
  readonly answered: () => void;
}

type FetchedPartition = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number];

const CONSUMER = -1; // replica id
const EARLIEST = -2;
const LATEST = -1;
const MAX_WAIT_MS = 500;
const TIMEOUT_MS = 25_000;
/** As the largest response that a connection takes. */
const MAX_BATCH_BYTES = 100 * 1024 * 1024;
const MAGIC_AT = 16;
const MAGIC_V2 = 2;

/** Reads the partitions that one broker leads into the sink. */
export class LeaderReader {
  private readonly options: LeaderReaderOptions;
  /** In the order in which they are asked for: a response is filled from the front. */
  private order: PartitionPosition[];

  constructor(options: LeaderReaderOptions) {
    this.options = options;
    this.order = options.positions;
    const { broker } = options;
    if (broker.version(Fetch) < 4 || broker.version(ListOffsets) < 1) {
      throw new CliError(`the broker at ${addressOf(broker.address)} is older than Kafka 0.11, whose record format this reads`);
    }
  }

  /** Finds where to start in each partition that has not been read yet. @throws CliError for an offset out of range */
  async resolvePositions(): Promise<void> {
    const fresh = this.order.filter(({ offset }) => offset === null);
    if (fresh.length === 0) return;
    const ranges = await this.ranges(fresh);
    for (const position of fresh) {
      const { earliest, latest } = ranges.get(position.partition)!;
      const offset = resolveStart(this.options.start, earliest, latest);
      if (offset === 'out of range') throw this.outOfRange(position.partition, earliest, latest);
      position.offset = offset;
    }
  }

  /** Reads until the sink is over. @throws LostLeader when the metadata should be looked at again */
  async run(): Promise<void> {
    const { sink } = this.options;
    while (!sink.isOver) {
      const { responses, errorCode } = await this.fetch();
      this.options.answered();
      if (errorCode !== 0) throw this.failure(errorCode, 'the fetch');
      const fruitful = new Set<number>();
      for (const fetched of responses.flatMap(({ partitions }) => partitions)) {
        const position = this.order.find(({ partition }) => partition === fetched.partitionIndex);
        if (position && (await this.take(position, fetched))) fruitful.add(position.partition);
        if (sink.isOver) break;
      }
      await sink.flush();
      const isLast = ({ partition }: PartitionPosition) => fruitful.has(partition);
      this.order = [...this.order.filter((each) => !isLast(each)), ...this.order.filter(isLast)];
    }
  }

  close(): Promise<void> {
    return this.options.broker.close();
  }

  private async fetch(): Promise<ResponseOf<typeof Fetch>> {
    const { broker, topic, topicId, maxBytes, readCommitted } = this.options;
    const partitions = this.order.map(({ partition, offset, maxBytes: partitionMaxBytes }) => ({
      partition,
      fetchOffset: offset!,
      partitionMaxBytes,
    }));
    return orLost(
      broker.request(Fetch, {
        maxWaitMs: MAX_WAIT_MS,
        minBytes: 1,
        maxBytes,
        isolationLevel: readCommitted ? 1 : 0,
        topics: [{ topic, topicId, partitions }],
        forgottenTopicsData: [],
      }),
    );
  }

  /** Prints what was fetched of a partition. @returns whether there was anything */
  private async take(position: PartitionPosition, { errorCode, records, abortedTransactions }: FetchedPartition): Promise<boolean> {
    if (errorNameOf(errorCode) === 'OFFSET_OUT_OF_RANGE') return this.comeBackIntoRange(position);
    if (errorCode !== 0) throw this.failure(errorCode, `partition ${position.partition}`);
    if (!records || records.byteLength === 0) return false;
    const { sink } = this.options;
    if (records.byteLength > MAGIC_AT && records[MAGIC_AT] !== MAGIC_V2) {
      throw new CliError(
        `partition ${position.partition}, offset ${position.offset}: records of a format older than Kafka 0.11 are not read`,
      );
    }
    const aborted = new AbortedRecords(abortedTransactions);
    let batches = 0;
    for (const batch of eachBatch(records)) {
      batches++;
      const isAborted = aborted.has(batch);
      if (batch.nextOffset > position.offset!) this.print(position, batch, isAborted);
      if (sink.wantsFlush) await sink.flush();
      if (sink.isOver) break;
    }
    if (batches === 0) this.askForMore(position);
    return true;
  }

  private print(position: PartitionPosition, batch: BatchView, isAborted: boolean): void {
    const { topic, sink } = this.options;
    const { partition } = position;
    const from = position.offset!;
    try {
      if (!batch.crcMatches()) throw new KafkaError('CORRUPT_MESSAGE', 'its checksum does not match');
      if (!batch.isControl && !isAborted) {
        forEachRecord(batch, (record) => {
          if (record.offset < from) return true; // a batch is sent whole, whatever was asked for
          return sink.add({ topic, partition, ...record });
        });
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      throw new CliError(`partition ${partition}, the batch at offset ${batch.baseOffset}: ${error.message}`);
    }
    position.offset = batch.nextOffset;
  }

  /** Not even one batch came whole. Since Fetch v3 a broker sends the first one whatever its size (KIP-74). */
  private askForMore(position: PartitionPosition): void {
    if (position.maxBytes >= MAX_BATCH_BYTES) {
      throw new CliError(
        `partition ${position.partition}, offset ${position.offset}: no whole batch comes within ${MAX_BATCH_BYTES / 1024 / 1024} MiB`,
      );
    }
    position.maxBytes = Math.min(position.maxBytes * 2, MAX_BATCH_BYTES);
  }

  /** Retention may delete records that a slow reader has not got to. */
  private async comeBackIntoRange(position: PartitionPosition): Promise<boolean> {
    const { earliest, latest } = (await this.ranges([position])).get(position.partition)!;
    const { offset } = position;
    if (offset! >= earliest) throw this.outOfRange(position.partition, earliest, latest);
    this.options.warn(`the records ${offset} to ${earliest - 1} of partition ${position.partition} were deleted before they were read`);
    position.offset = earliest;
    return false;
  }

  private async ranges(positions: readonly PartitionPosition[]): Promise<Map<number, { earliest: number; latest: number }>> {
    const [earliest, latest] = await Promise.all([this.listOffsets(positions, EARLIEST), this.listOffsets(positions, LATEST)]);
    return new Map(positions.map(({ partition }) => [partition, { earliest: earliest.get(partition)!, latest: latest.get(partition)! }]));
  }

  private async listOffsets(positions: readonly PartitionPosition[], timestamp: number): Promise<Map<number, number>> {
    const { broker, topic, readCommitted } = this.options;
    const partitions = positions.map(({ partition }) => ({ partitionIndex: partition, timestamp }));
    const { topics } = await orLost(
      broker.request(ListOffsets, {
        replicaId: CONSUMER,
        isolationLevel: readCommitted ? 1 : 0,
        topics: [{ name: topic, partitions }],
        timeoutMs: TIMEOUT_MS,
      }),
    );
    const found = new Map<number, number>();
    for (const { partitionIndex, errorCode, offset } of topics.flatMap((each) => each.partitions)) {
      if (errorCode !== 0) throw this.failure(errorCode, `partition ${partitionIndex}`);
      found.set(partitionIndex, offset);
    }
    const missing = positions.find(({ partition }) => !found.has(partition));
    if (missing) throw new LostLeader(`the broker says nothing about partition ${missing.partition}`);
    return found;
  }

  private failure(errorCode: number, what: string): Error {
    const { topic } = this.options;
    const name = errorNameOf(errorCode);
    if (mayHaveMoved(errorCode)) return new LostLeader(`${what} of topic "${topic}": ${name}`);
    if (name === 'TOPIC_AUTHORIZATION_FAILED') return new CliError(`the broker does not allow reading topic "${topic}"`);
    return new CliError(`${what} of topic "${topic}": ${new KafkaError(name).message}`);
  }

  private outOfRange(partition: number, earliest: number, latest: number): CliError {
    const { topic } = this.options;
    const has = latest > earliest ? `has the offsets ${earliest} to ${latest - 1}` : `is empty; its next offset is ${latest}`;
    return new CliError(`partition ${partition} of topic "${topic}" ${has}; choose another --offset`);
  }
}

/** A connection that breaks is a leader that is lost. */
async function orLost<T>(response: Promise<T>): Promise<T> {
  try {
    return await response;
  } catch (error) {
    throw error instanceof KafkaError && mayHaveMoved(error) ? new LostLeader(error.message) : error;
  }
}
