import { setTimeout as sleep } from 'node:timers/promises';
import { fetchClusterState } from '../../src/client/cluster-state.ts';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { errorNameOf } from '../../src/core/error-codes.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { Fetch, InitProducerId, ListOffsets, Produce } from '../../src/protocol/messages/index.ts';

const CONNECT_MS = 300;
const PRODUCE_VERSION = 9;
const FETCH_VERSION = 12;

export interface Leader {
  readonly id: number;
  readonly epoch: number;
}

export interface Produced {
  readonly errorName: string;
  readonly baseOffset: number;
  /** Whom it was sent to. */
  readonly broker: number;
}

export interface Fetched {
  readonly errorName: string;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
  /** Only for a reader of committed records. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
  readonly records: Buffer;
}

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** The least client that finds leaders: what it knows of them comes from whichever broker knows most, and it gives no broker time. */
export class Client {
  readonly ports: () => ReadonlyMap<number, number>;
  private readonly known = new Map<string, Leader>();
  /** Broker ids by `topic/partition`, as they were last heard of. */
  readonly replicas = new Map<string, readonly number[]>();
  private readonly connections = new Map<number, Promise<Connection>>();
  private readonly asked = new Set<number>();
  private closed = false;

  /** @param ports of the brokers that run, by id */
  constructor(ports: () => ReadonlyMap<number, number>) {
    this.ports = ports;
  }

  leader(topic: string, partition: number): Leader | undefined {
    return this.known.get(`${topic}/${partition}`);
  }

  /** Asks every broker that has answered the question before; what they answer is known as soon as it comes. */
  refresh(): void {
    for (const [id, port] of this.ports()) {
      if (this.closed || this.asked.has(id)) continue;
      this.asked.add(id);
      fetchClusterState(tcpTransport, realClock, { host: '127.0.0.1', port })
        .then(
          ({ partitions }) => {
            for (const { topic, partition, leader, leaderEpoch, replicas } of partitions) {
              this.replicas.set(`${topic}/${partition}`, replicas);
              const before = this.known.get(`${topic}/${partition}`);
              if (leader >= 0 && (!before || leaderEpoch > before.epoch))
                this.known.set(`${topic}/${partition}`, { id: leader, epoch: leaderEpoch });
            }
          },
          () => {},
        )
        .finally(() => this.asked.delete(id));
    }
  }

  /** Waits until the leader of each partition is known. */
  async findLeaders(topic: string, partitions: number): Promise<void> {
    while (Array.from({ length: partitions }, (_, p) => this.leader(topic, p)).includes(undefined)) {
      this.refresh();
      await sleep(10);
    }
  }

  /** Never rejects: failures have names too. */
  async produce(topic: string, partition: number, records: Buffer, acks: number, timeoutMs: number): Promise<Produced> {
    const leader = this.leader(topic, partition);
    if (!leader) return { errorName: 'LEADER_NOT_AVAILABLE', baseOffset: -1, broker: -1 };
    try {
      const connection = await this.connectionTo(leader.id);
      const body = { acks, timeoutMs, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }] };
      const { responses } = await connection.request(Produce, PRODUCE_VERSION, body, timeoutMs);
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
      return { errorName: errorNameOf(errorCode), baseOffset, broker: leader.id };
    } catch (error) {
      return { errorName: error instanceof Error ? error.message : String(error), baseOffset: -1, broker: leader.id };
    }
  }

  async fetch(topic: string, partition: number, fetchOffset: number, isolationLevel = READ_UNCOMMITTED): Promise<Fetched> {
    const nothing = { highWatermark: -1, logStartOffset: -1, lastStableOffset: -1, aborted: [], records: Buffer.alloc(0) };
    const failed = (errorName: string): Fetched => ({ errorName, ...nothing });
    const leader = this.leader(topic, partition);
    if (!leader) return failed('LEADER_NOT_AVAILABLE');
    try {
      const connection = await this.connectionTo(leader.id);
      const partitions = [{ partition, fetchOffset, partitionMaxBytes: 8 * 1024 * 1024 }];
      const { responses } = await connection.request(
        Fetch,
        FETCH_VERSION,
        { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, partitions }] },
        10_000,
      );
      const answer = responses[0]!.partitions[0]!;
      const { highWatermark, logStartOffset, lastStableOffset } = answer;
      const records = answer.records ? Buffer.from(answer.records) : Buffer.alloc(0);
      const aborted = answer.abortedTransactions ?? [];
      return { errorName: errorNameOf(answer.errorCode), highWatermark, logStartOffset, lastStableOffset, aborted, records };
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** Where a partition's log begins. @throws Error with what the leader answers, or that nobody does */
  async logStart(topic: string, partition: number): Promise<number> {
    const connection = await this.connectionTo(this.leader(topic, partition)?.id ?? -1);
    const partitions = [{ partitionIndex: partition, timestamp: -2 }];
    const { topics } = await connection.request(ListOffsets, 5, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions }],
    });
    const { errorCode, offset } = topics[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(errorNameOf(errorCode));
    return offset;
  }

  /** A producer id with its epoch, from any broker. */
  async initProducerId(): Promise<{ producerId: number; producerEpoch: number }> {
    for (;;) {
      for (const id of this.ports().keys()) {
        try {
          const connection = await this.connectionTo(id);
          const answer = await connection.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 60_000 }, 2_000);
          if (answer.errorCode === 0) return answer;
        } catch {
          // the next one
        }
      }
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const opened of this.connections.values()) {
      await opened.then(
        (connection) => connection.close(),
        () => {},
      );
    }
  }

  /** @throws Error when it does not run, or does not answer */
  connectionTo(id: number): Promise<Connection> {
    const existing = this.connections.get(id);
    if (existing) return existing;
    const port = this.ports().get(id);
    if (port === undefined) throw new Error(`broker ${id} does not run`);
    const opened = Connection.open(
      tcpTransport,
      realClock,
      { host: '127.0.0.1', port },
      { connectTimeoutMs: CONNECT_MS, maxInFlight: 1_000 },
    );
    this.connections.set(id, opened);
    const forget = () => {
      if (this.connections.get(id) === opened) this.connections.delete(id);
    };
    opened.then((connection) => void connection.closed.then(forget), forget);
    return opened;
  }
}
