import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import { BootstrapConnection } from './bootstrap.ts';
import { CliError } from './errors.ts';
import { LeaderReader, type PartitionPosition } from './leader-reader.ts';
import { LostLeader, mayHaveMoved } from './lost-leader.ts';
import type { RecordSink } from './record-sink.ts';
import type { RecordStart } from './record-start.ts';
import { choosePartitions, explainTopicError, type LocatedTopic, locateTopic, pause } from './topic-leaders.ts';

export interface TopicReaderOptions {
  readonly servers: readonly Address[];
  readonly transport: Transport;
  readonly clock: Clock;
  readonly topic: string;
  /** undefined: all */
  readonly partition: number | undefined;
  readonly start: RecordStart;
  /** No records of transactions that are open or were aborted. */
  readonly readCommitted: boolean;
  readonly sink: RecordSink;
  /** What the reader of the records should know besides them. */
  readonly warn: (sentence: string) => void;
}

/** How long leaders may be away: a broker that restarts is back by then. */
const GIVE_UP_MS = 30_000;
const RETRY_MS = 200;
/** Each has a connection and a response in memory. */
const MAX_LEADERS = 200;
const ALL_RESPONSES_BYTES = 32 * 1024 * 1024;
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/**
 * Reads partitions of a topic without a group, each from its leader, until the sink is over. Where leaders change or go away, it looks for
 * them anew and goes on where it was.
 */
export class TopicReader {
  private readonly options: TopicReaderOptions;
  private readonly positions = new Map<number, PartitionPosition>();
  /** When a leader last answered; null: none did yet. */
  private answeredMs: number | null = null;

  constructor(options: TopicReaderOptions) {
    this.options = options;
  }

  /** @throws CliError that says what to do */
  async run(): Promise<void> {
    const { sink, clock } = this.options;
    const startedMs = clock.monotonicMs();
    while (!sink.isOver) {
      try {
        await this.readWhileLeadersStay();
      } catch (error) {
        if (sink.isOver) return;
        if (!(error instanceof LostLeader)) throw error;
        if (clock.monotonicMs() - (this.answeredMs ?? startedMs) > GIVE_UP_MS) throw new CliError(error.message);
        await Promise.race([pause(clock, RETRY_MS), sink.over]);
      }
    }
  }

  private async readWhileLeadersStay(): Promise<void> {
    const located = await this.locate();
    const { topic, partition, sink } = this.options;
    const byLeader = new Map<number, PartitionPosition[]>();
    for (const { partition: number, leader } of choosePartitions(located, partition)) {
      if (!located.brokers.has(leader)) throw new LostLeader(`partition ${number} of topic "${topic}" has no leader; is a broker down?`);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), this.positionOf(number)]);
    }
    if (byLeader.size > MAX_LEADERS) {
      throw new CliError(
        `topic "${topic}" has ${byLeader.size} leaders, more than the ${MAX_LEADERS} that are read at once; choose a --partition`,
      );
    }
    const readers: LeaderReader[] = [];
    try {
      await Promise.all(
        [...byLeader].map(async ([leader, positions]) => {
          const reader = await this.openReader(located, leader, positions, byLeader.size);
          readers.push(reader);
          await reader.resolvePositions();
        }),
      );
      if (this.answeredMs === null) sink.startWaiting();
      this.hasAnswered();
      await Promise.race([sink.over, Promise.all(readers.map((reader) => reader.run()))]);
    } finally {
      await Promise.all(readers.map((reader) => reader.close()));
    }
  }

  private positionOf(partition: number): PartitionPosition {
    const known = this.positions.get(partition);
    if (known) return known;
    const position: PartitionPosition = { partition, offset: null, maxBytes: 1024 * 1024 };
    this.positions.set(partition, position);
    return position;
  }

  private async locate(): Promise<LocatedTopic> {
    const { servers, transport, clock, topic } = this.options;
    const broker = await this.connected(() => BootstrapConnection.open(servers, transport, clock));
    try {
      return await locateTopic(broker, topic);
    } catch (error) {
      if (
        error instanceof KafkaError &&
        (this.answeredMs !== null || (mayHaveMoved(error) && error.errorName !== 'UNKNOWN_TOPIC_OR_PARTITION'))
      ) {
        throw new LostLeader(`topic "${topic}" is not there any more: ${error.message}`);
      }
      throw explainTopicError(error, topic, broker);
    } finally {
      await broker.close();
    }
  }

  private openReader(located: LocatedTopic, leader: number, positions: PartitionPosition[], leaders: number): Promise<LeaderReader> {
    const { transport, clock, start, readCommitted, sink, warn } = this.options;
    return this.connected(async () => {
      const broker = await BootstrapConnection.open([located.brokers.get(leader)!], transport, clock);
      return new LeaderReader({
        broker,
        topic: located.name,
        topicId: located.topicId,
        positions,
        start,
        readCommitted,
        sink,
        warn,
        maxBytes: Math.min(MAX_RESPONSE_BYTES, Math.floor(ALL_RESPONSES_BYTES / leaders)),
        answered: () => this.hasAnswered(),
      });
    });
  }

  /** A broker that cannot be reached is at fault at first, and only away later. */
  private async connected<T>(open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } catch (error) {
      if (this.answeredMs === null || !(error instanceof CliError)) throw error;
      throw new LostLeader(error.message);
    }
  }

  private hasAnswered(): void {
    this.answeredMs = this.options.clock.monotonicMs();
  }
}
