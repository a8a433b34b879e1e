import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { Fetch } from '../../src/protocol/messages/fetch.ts';
import { accept, Client, Refused } from './client.ts';
import type { Decisions } from './decisions.ts';
import { Violation } from './ledger.ts';
import { parseBatches, type StoredBatch, show } from './log-index.ts';
import type { World } from './machine.ts';

const READ_COMMITTED = 1;

/**
 * Reads a partition as a consumer with isolation.level=read_committed does, over and over, from its begin or from somewhere in it, and holds what it
 * would deliver to what the markers in the partition say.
 */
export class CommittedReader extends Client {
  readonly counts = { delivered: 0, skipped: 0 };
  position = 0;
  readonly partition: number;
  private readonly topic: string;
  private readonly decisions: () => Decisions | undefined;
  /** Producers whose records are passed over until their marker comes. */
  private readonly aborted = new Set<number>();
  private stopped = false;

  constructor(
    name: string,
    world: World,
    brokerIds: readonly number[],
    topic: string,
    partition: number,
    decisions: () => Decisions | undefined,
  ) {
    super(name, world, brokerIds);
    this.topic = topic;
    this.partition = partition;
    this.decisions = decisions;
  }

  start(everyMs: number): void {
    this.begin(async () => {
      while (!this.stopped) {
        await this.readOnce(everyMs);
        if (this.random.chance(0.03)) this.begins(this.random.chance(0.5) ? 0 : this.random.below(this.position + 1));
        await this.sleep(this.random.between(0.5, 1.5) * 40);
      }
    });
  }

  /** From here on it only reads on, to the end. */
  restartForGood(): void {
    this.begins(0);
    this.random.chance = () => false;
  }

  stop(): void {
    this.stopped = true;
  }

  private begins(position: number): void {
    this.position = position;
    this.aborted.clear();
  }

  private async readOnce(maxWaitMs: number): Promise<void> {
    try {
      await this.fetch(maxWaitMs);
    } catch (error) {
      if (error instanceof Error && error.name === 'Violation') throw error;
      if (error instanceof Refused && error.code === ERROR_CODES.OFFSET_OUT_OF_RANGE.code) this.begins(0); // its sibling sees to that
      this.world.trace.event(this.name, `refused: ${error instanceof Error ? error.message : String(error)}`);
      this.forgetLeaders();
      await this.sleep(50);
    }
  }

  private async fetch(maxWaitMs: number): Promise<void> {
    const leader = await this.leaderOf(this.topic, this.partition);
    const from = this.position;
    const partitionMaxBytes = this.random.pick([200, 1_000, 65_536]);
    const wanted = { partition: this.partition, currentLeaderEpoch: leader.epoch, fetchOffset: from, partitionMaxBytes };
    const answer = await this.ask(leader.id, Fetch, 11, {
      replicaId: -1,
      maxWaitMs,
      minBytes: 1,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic: this.topic, partitions: [wanted] }],
      forgottenTopicsData: [],
    });
    accept(answer.errorCode);
    const { abortedTransactions, errorCode, records } = answer.responses[0]!.partitions[0]!;
    accept(errorCode);
    if (!records || from !== this.position) return;
    const aborted = [...(abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
    for (const batch of parseBatches(Buffer.isBuffer(records) ? records : Buffer.from(records))) {
      if (batch.lastOffset < this.position) continue;
      if (batch.baseOffset > this.position) throw new Violation('READ', `${this.name} is given ${show(batch)} at ${this.position}`);
      while (aborted.length > 0 && aborted[0]!.firstOffset <= batch.lastOffset) this.aborted.add(aborted.shift()!.producerId);
      if (batch.marker !== null) this.aborted.delete(batch.producerId);
      else this.meet(batch, !(batch.isTransactional && this.aborted.has(batch.producerId)));
      this.position = batch.lastOffset + 1;
    }
  }

  private meet(batch: StoredBatch, delivers: boolean): void {
    this.counts[delivers ? 'delivered' : 'skipped']++;
    this.decisions()?.wasRead(batch, delivers, this.name);
  }
}
