import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import {
  AlterReplicaLogDirs,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  Fetch,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetCommit,
  Produce,
} from '../../src/protocol/messages/index.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { type ReadRecord, readRecords } from '../../src/protocol/records/walk.ts';

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER: a topic that is only just there. */
const NOT_YET = [3, 5, 6];
const TRIES = 100;

export interface Appended {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** A client of one broker, Apache Kafka or minikafka, at versions that both have. */
export class Peer {
  /** Codecs of the batches that the last readAll saw, by id. */
  readonly codecs = new Set<number>();
  private readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open(port: number): Promise<Peer> {
    return new Peer(await Connection.open(tcpTransport, realClock, { host: 'localhost', port }));
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const { topics } = await this.connection.request(CreateTopics, 5, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 20_000,
    });
    if (topics[0]!.errorCode !== 0) throw new Error(`${name}: error ${topics[0]!.errorCode} ${topics[0]!.errorMessage}`);
  }

  async deleteTopic(name: string): Promise<void> {
    const { responses } = await this.connection.request(DeleteTopics, 5, { topicNames: [name], timeoutMs: 20_000 });
    const { errorCode, errorMessage } = responses[0]!;
    if (errorCode !== 0) throw new Error(`DeleteTopics ${name}: error ${errorCode} ${errorMessage}`);
  }

  /** Topic ids, by name. */
  async topicIds(): Promise<Map<string, string>> {
    const { topics } = await this.connection.request(Metadata, 12, { topics: null, allowAutoTopicCreation: false });
    return new Map(topics.map(({ name, topicId }) => [name ?? '', topicId]));
  }

  /** One batch, with acks=all. */
  async produce(topic: string, partition: number, records: Uint8Array): Promise<Appended> {
    for (let tries = 0; ; tries++) {
      const { responses } = await this.connection.request(Produce, 8, {
        acks: -1,
        timeoutMs: 20_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: Buffer.from(records) }] }],
      });
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
      if (!NOT_YET.includes(errorCode) || tries === TRIES) return { errorCode, baseOffset };
      await sleep(100);
    }
  }

  async producerId(): Promise<{ producerId: number; producerEpoch: number }> {
    for (let tries = 0; ; tries++) {
      const reply = await this.connection.request(InitProducerId, 2, { transactionalId: null, transactionTimeoutMs: 60_000 });
      if (reply.errorCode === 0) return reply;
      if (tries === TRIES) throw new Error(`InitProducerId: error ${reply.errorCode}`);
      await sleep(100);
    }
  }

  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    const { topics } = await this.connection.request(DeleteRecords, 2, {
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
      timeoutMs: 20_000,
    });
    const { errorCode, lowWatermark } = topics[0]!.partitions[0]!;
    if (errorCode !== 0 || lowWatermark !== offset) throw new Error(`DeleteRecords: error ${errorCode}, low watermark ${lowWatermark}`);
  }

  /** Has the broker move its replica to another of its log directories. */
  async moveReplica(topic: string, partition: number, path: string): Promise<void> {
    const dirs = [{ path, topics: [{ name: topic, partitions: [partition] }] }];
    const { results } = await this.connection.request(AlterReplicaLogDirs, 2, { dirs });
    const { errorCode } = results[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`AlterReplicaLogDirs ${topic}-${partition} to ${path}: error ${errorCode}`);
  }

  /** Commits an offset of partition 0, as a group without members. */
  async commit(groupId: string, topic: string, committedOffset: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      await this.connection.request(FindCoordinator, 1, { key: groupId, keyType: 0 });
      const { topics } = await this.connection.request(OffsetCommit, 5, {
        groupId,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [{ name: topic, topicId: NO_ID, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] }],
      });
      const { errorCode } = topics[0]!.partitions[0]!;
      if (errorCode === 0) return;
      if (tries === TRIES) throw new Error(`OffsetCommit: error ${errorCode}`);
      await sleep(100);
    }
  }

  async logStart(topic: string, partition: number): Promise<number> {
    for (let tries = 0; ; tries++) {
      const { topics } = await this.connection.request(ListOffsets, 5, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: -2 }] }],
      });
      const { errorCode, offset } = topics[0]!.partitions[0]!;
      if (errorCode === 0) return offset;
      if (!NOT_YET.includes(errorCode) || tries === TRIES) throw new Error(`ListOffsets: error ${errorCode}`);
      await sleep(100);
    }
  }

  /** Everything of a partition, from its first offset to its end; from anew when retention moves the first one on. */
  async readAll(topic: string, partition: number): Promise<ReadRecord[]> {
    let start = await this.logStart(topic, partition);
    const all: ReadRecord[] = [];
    this.codecs.clear();
    for (let fetchOffset = start; ; ) {
      const { responses } = await this.connection.request(Fetch, 11, {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 2 ** 24,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic,
            topicId: NO_ID,
            partitions: [{ partition, currentLeaderEpoch: -1, fetchOffset, logStartOffset: -1, partitionMaxBytes: 2 ** 24 }],
          },
        ],
        forgottenTopicsData: [],
        rackId: '',
      });
      const { errorCode, records, highWatermark } = responses[0]!.partitions[0]!;
      const startNow = errorCode === ERROR_CODES.OFFSET_OUT_OF_RANGE.code ? await this.logStart(topic, partition) : start;
      if (startNow > fetchOffset) {
        [start, fetchOffset] = [startNow, startNow];
        all.length = 0;
        continue;
      }
      if (errorCode !== 0) throw new Error(`Fetch ${topic}-${partition} from ${fetchOffset}: error ${errorCode}`);
      for (const batch of eachBatch(records ?? Buffer.alloc(0))) {
        this.codecs.add(batch.codecId);
        for (const record of readRecords(batch)) if (record.offset >= start) all.push(record);
        fetchOffset = batch.lastOffset + 1;
      }
      if (fetchOffset >= highWatermark) return all;
    }
  }
}

/** One record as a line, by which two brokers are compared. */
export function lineOf({ offset, timestamp, key, value, headers }: ReadRecord): string {
  const bytes = (of: Uint8Array | null) => (of === null ? 'null' : `${of.byteLength}:${createHash('sha1').update(of).digest('hex')}`);
  return [offset, timestamp, bytes(key), bytes(value), ...headers.map((header) => `${header.key}=${bytes(header.value)}`)].join(' ');
}

/** Runs `act` with a connection to a broker, and closes it. */
export async function withPeer<T>({ port }: { readonly port: number }, act: (peer: Peer) => Promise<T>): Promise<T> {
  const peer = await Peer.open(port);
  try {
    return await act(peer);
  } finally {
    await peer.close();
  }
}
