import { setTimeout as sleep } from 'node:timers/promises';
import { errorNameOf } from '../../src/core/error-codes.ts';
import { FindCoordinator, Heartbeat, JoinGroup, OffsetCommit, OffsetFetch, SyncGroup } from '../../src/protocol/messages/index.ts';
import type { Client } from './client.ts';

const SESSION_MS = 6_000;
const REBALANCE_MS = 6_000;
const ANSWER_MS = 10_000;
const BEAT_MS = 50;
const RETRY_MS = 50;

/** What the members of one group were told, together. */
export class GroupLedger {
  /** By generation, what its leader made up for it: nobody may be told another thing of the same generation. */
  readonly generations = new Map<number, string>();
  /** By partition, the last offset whose commit was acknowledged. */
  readonly committed: number[];
  readonly wrong: string[] = [];
  commits = 0;

  constructor(partitions: number) {
    this.committed = new Array<number>(partitions).fill(-1);
  }

  synced(generation: number, mark: string): void {
    const before = this.generations.get(generation);
    if (before !== undefined && before !== mark) this.wrong.push(`generation ${generation} was used twice: ${before} and ${mark}`);
    this.generations.set(generation, mark);
  }
}

interface Assignment {
  readonly mark: string;
  readonly partitions: readonly number[];
}

/** A member of a classic group that commits an offset of each of its partitions again and again, each one more than before. */
export class GroupMember {
  private readonly client: Client;
  private readonly groupId: string;
  private readonly topic: string;
  private readonly ledger: GroupLedger;
  private memberId = '';
  private coordinator = -1;
  private stopping = false;
  private running: Promise<void> | null = null;

  constructor(client: Client, groupId: string, topic: string, ledger: GroupLedger) {
    this.client = client;
    this.groupId = groupId;
    this.topic = topic;
    this.ledger = ledger;
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        const generation = await this.join();
        await this.serve(generation.id, generation.partitions);
      } catch {
        this.coordinator = -1; // gone, loading, or elsewhere by now
        await sleep(RETRY_MS);
      }
    }
  }

  private async join(): Promise<{ id: number; partitions: readonly number[] }> {
    const connection = await this.coordinatorConnection();
    const request = { groupId: this.groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS, protocolType: 'consumer' };
    const protocols = [{ name: 'p', metadata: Buffer.alloc(0) }];
    const joined = await connection.request(JoinGroup, 5, { ...request, memberId: this.memberId, protocols }, ANSWER_MS);
    this.memberId = joined.memberId || this.memberId;
    if (joined.errorCode !== 0) throw this.refused(joined.errorCode);
    const members = joined.members.map(({ memberId }) => memberId).sort();
    const mark = `${this.memberId}@${performance.now()}`;
    const assignments = members.map((memberId, n) => {
      const partitions = this.ledger.committed.flatMap((_, p) => (p % members.length === n ? [p] : []));
      return { memberId, assignment: Buffer.from(JSON.stringify({ mark, partitions })) };
    });
    const sync = { groupId: this.groupId, generationId: joined.generationId, memberId: this.memberId, assignments };
    const synced = await connection.request(SyncGroup, 3, sync, ANSWER_MS);
    if (synced.errorCode !== 0) throw this.refused(synced.errorCode);
    const assignment = JSON.parse(Buffer.from(synced.assignment).toString()) as Assignment;
    this.ledger.synced(joined.generationId, assignment.mark);
    return { id: joined.generationId, partitions: assignment.partitions };
  }

  private async serve(generationId: number, partitions: readonly number[]): Promise<void> {
    const positions = new Map<number, number>();
    for (const partition of partitions) positions.set(partition, await this.fetchCommitted(partition));
    while (!this.stopping) {
      const connection = await this.coordinatorConnection();
      const identity = { groupId: this.groupId, memberId: this.memberId };
      const { errorCode } = await connection.request(Heartbeat, 3, { ...identity, generationId }, ANSWER_MS);
      if (errorCode !== 0) throw this.refused(errorCode);
      for (const [partition, position] of positions) {
        const next = position + 1;
        const offsets = [{ partitionIndex: partition, committedOffset: next, committedMetadata: null }];
        const topics = [{ name: this.topic, partitions: offsets }];
        const answer = await connection.request(
          OffsetCommit,
          7,
          { ...identity, generationIdOrMemberEpoch: generationId, topics },
          ANSWER_MS,
        );
        const code = answer.topics[0]!.partitions[0]!.errorCode;
        if (code !== 0) throw this.refused(code);
        positions.set(partition, next);
        this.ledger.committed[partition] = Math.max(next, this.ledger.committed[partition]!);
        this.ledger.commits++;
      }
      await sleep(BEAT_MS);
    }
  }

  /** What is committed, which must be what was acknowledged before the question, or later. */
  async fetchCommitted(partition: number): Promise<number> {
    const acknowledged = this.ledger.committed[partition]!;
    const connection = await this.coordinatorConnection();
    const topics = [{ name: this.topic, partitionIndexes: [partition] }];
    const answer = await connection.request(OffsetFetch, 5, { groupId: this.groupId, topics }, ANSWER_MS);
    const found = answer.topics[0]?.partitions[0];
    if (answer.errorCode !== 0 || !found || found.errorCode !== 0) throw this.refused(answer.errorCode || (found?.errorCode ?? -1));
    if (found.committedOffset < acknowledged) {
      this.ledger.wrong.push(`partition ${partition}: ${found.committedOffset} is committed, ${acknowledged} was acknowledged`);
    }
    return found.committedOffset;
  }

  /** Of any broker that answers. */
  async findCoordinator(): Promise<number> {
    for (const id of this.client.ports().keys()) {
      try {
        const connection = await this.client.connectionTo(id);
        const found = await connection.request(FindCoordinator, 2, { key: this.groupId }, 2_000);
        if (found.errorCode === 0) return found.nodeId;
      } catch {
        // the next one
      }
    }
    throw new Error('there is no coordinator now');
  }

  private async coordinatorConnection() {
    if (this.coordinator < 0) this.coordinator = await this.findCoordinator();
    return this.client.connectionTo(this.coordinator);
  }

  private refused(errorCode: number): Error {
    const name = errorNameOf(errorCode);
    if (name === 'UNKNOWN_MEMBER_ID') this.memberId = '';
    return new Error(name);
  }
}
