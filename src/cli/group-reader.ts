import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Clock } from '../core/clock.ts';
import type { Address } from '../core/transport.ts';
import { CliError } from './errors.ts';
import { brokerErrorOf, openKafkaJs, reasonOf } from './kafkajs.ts';
import type { ConsumedRecord } from './record-format.ts';
import type { RecordSink } from './record-sink.ts';

export interface GroupReaderOptions {
  readonly addresses: readonly Address[];
  readonly clock: Clock;
  readonly topic: string;
  readonly group: string;
  /** Where to begin in partitions for which the group has committed nothing. */
  readonly fromBeginning: boolean;
  /** No records of transactions that are open or were aborted. */
  readonly readCommitted: boolean;
  readonly sink: RecordSink;
}

const MAX_WAIT_MS = 500;
const MAX_BYTES = 8 * 1024 * 1024;
/** A member that goes in the middle of joining would be waited for by the others. */
const JOIN_PATIENCE_MS = 5_000;

/**
 * Reads a topic as a member of a group, through kafkajs, until the sink is over. What is committed is what was printed, no more and no less,
 * so that the next run goes on right behind.
 * @throws CliError that says what to do
 */
export async function readAsGroup(options: GroupReaderOptions): Promise<void> {
  const { addresses, clock, topic, group, fromBeginning, readCommitted, sink } = options;
  const { kafka } = await openKafkaJs(addresses);
  const consumer = kafka.consumer({
    groupId: group,
    readUncommitted: !readCommitted, // as without a group, and as Kafka's own consumers do by default
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: MAX_WAIT_MS,
    maxBytes: MAX_BYTES,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 12, restartOnFailure: async () => false },
  });
  const member = new GroupMember(sink);
  consumer.on(consumer.events.GROUP_JOIN, () => sink.startWaiting());
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(explained(payload.error, group)));
  });
  crashed.catch(() => {}); // after the end nobody asks
  try {
    await connect(consumer, topic, fromBeginning, group);
    const joined = consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => member.take(payload) });
    await Promise.race([sink.over, crashed, member.failed]);
    const patience = new Promise<void>((resolve) => void clock.after(JOIN_PATIENCE_MS, resolve));
    await Promise.race([joined, crashed, patience]);
    await member.idle();
  } finally {
    await consumer.disconnect().catch(() => {}); // it leaves the group; what counts is committed
  }
}

async function connect(consumer: Consumer, topic: string, fromBeginning: boolean, group: string): Promise<void> {
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning });
  } catch (error) {
    throw explained(error, group);
  }
}

/** Prints batches, and commits what was printed. */
class GroupMember {
  /** Rejects when printing fails, which is nothing to be tried again. */
  readonly failed: Promise<never>;
  private readonly sink: RecordSink;
  private working: Promise<void> = Promise.resolve();
  private fail!: (error: unknown) => void;

  constructor(sink: RecordSink) {
    this.sink = sink;
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
  }

  take(payload: EachBatchPayload): Promise<void> {
    this.working = this.printAndCommit(payload);
    return this.working;
  }

  /** Resolves when the batch in hand is done with. @throws CliError when its records were printed, but not committed */
  async idle(): Promise<void> {
    try {
      await this.working;
    } catch (error) {
      throw new CliError(`the last records were printed, but not committed (${reasonOf(error)}); the next run prints them again`);
    }
  }

  private async printAndCommit(payload: EachBatchPayload): Promise<void> {
    const { sink } = this;
    const { topic, partition, messages } = payload.batch;
    let last: string | null = null;
    for (const message of messages) {
      if (payload.isStale() || !sink.add(toRecord(topic, partition, message))) break;
      last = message.offset;
      if (!sink.wantsFlush) continue;
      await this.commit(payload, last);
      last = null;
    }
    if (last !== null) await this.commit(payload, last);
  }

  /** Commits before the heartbeat, which fails when the group rebalances: by then others may be given the partition. */
  private async commit(
    { resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets, heartbeat }: EachBatchPayload,
    last: string,
  ): Promise<void> {
    const printed = await this.sink.flush().catch((error: unknown) => {
      this.fail(error);
      return false;
    });
    if (!printed) return;
    resolveOffset(last);
    await commitOffsetsIfNecessary(uncommittedOffsets());
    if (!this.sink.isOver) await heartbeat();
  }
}

function toRecord(topic: string, partition: number, { offset, timestamp, key, value, headers = {} }: KafkaMessage): ConsumedRecord {
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key,
    value,
    headers: Object.entries(headers).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((each) => ({ key: name, value: each == null ? null : Buffer.from(each) })),
    ),
  };
}

function explained(error: unknown, group: string): CliError {
  switch (brokerErrorOf(error)) {
    case 'GROUP_AUTHORIZATION_FAILED':
      return new CliError(`the broker does not allow joining group "${group}"`);
    case 'INVALID_GROUP_ID':
      return new CliError(`"${group}" is no name of a group`);
    case 'INCONSISTENT_GROUP_PROTOCOL':
      return new CliError(`group "${group}" has members of another kind; choose another --group`);
    default:
      return new CliError(`group "${group}": ${reasonOf(error)}`);
  }
}
