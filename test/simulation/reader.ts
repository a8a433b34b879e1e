import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { Fetch } from '../../src/protocol/messages/fetch.ts';
import type { Checker } from './checker.ts';
import { accept, Client, Refused } from './client.ts';
import { parseBatches } from './log-index.ts';
import type { World } from './machine.ts';

/** Reads a partition from its begin on, over and over to its end, and holds each batch to what is committed. */
export class Reader extends Client {
  position = 0;
  batches = 0;
  private readonly topic: string;
  readonly partition: number;
  private readonly checker: Checker;
  private stopped = false;

  constructor(name: string, world: World, brokerIds: readonly number[], checker: Checker, topic: string, partition: number) {
    super(name, world, brokerIds);
    this.topic = topic;
    this.partition = partition;
    this.checker = checker;
  }

  start(everyMs: number): void {
    this.begin(async () => {
      while (!this.stopped) {
        await this.readOnce(Math.floor(everyMs));
        await this.sleep(this.random.between(0.5, 1.5) * 20);
      }
    });
  }

  stop(): void {
    this.stopped = true;
  }

  async readOnce(maxWaitMs: number): Promise<void> {
    try {
      await this.fetch(maxWaitMs);
    } catch (error) {
      if (error instanceof Error && error.name === 'Violation') throw error;
      if (error instanceof Refused && error.code === ERROR_CODES.OFFSET_OUT_OF_RANGE.code) this.outOfRange();
      this.world.trace.event(this.name, `refused: ${error instanceof Error ? error.message : String(error)}`);
      this.forgetLeaders();
      await this.sleep(50);
    }
  }

  private async fetch(maxWaitMs: number): Promise<void> {
    const leader = await this.leaderOf(this.topic, this.partition);
    // KIP-320: a broker that follows by now, and has less, must not say what is out of range.
    const wanted = { partition: this.partition, currentLeaderEpoch: leader.epoch, fetchOffset: this.position, partitionMaxBytes: 65_536 };
    const answer = await this.ask(leader.id, Fetch, 11, {
      replicaId: -1,
      maxWaitMs,
      minBytes: 1,
      topics: [{ topic: this.topic, partitions: [wanted] }],
      forgottenTopicsData: [],
    });
    accept(answer.errorCode);
    const { errorCode, records } = answer.responses[0]!.partitions[0]!;
    accept(errorCode);
    if (!records) return;
    const ledger = this.checker.ledger(this.topic, this.partition);
    const bytes = Buffer.isBuffer(records) ? records : Buffer.from(records);
    for (const batch of parseBatches(bytes)) {
      ledger?.wasRead(batch, this.name);
      this.position = batch.lastOffset + 1;
      this.batches++;
    }
  }

  /** KIP-207: what was read once, stays readable. */
  private outOfRange(): void {
    const ledger = this.checker.ledger(this.topic, this.partition);
    if (ledger && !ledger.tainted) ledger.fail('READ', `${this.name} is told that ${this.position}, which it has reached, is out of range`);
    this.position = 0;
  }
}
