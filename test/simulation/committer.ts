import { FindCoordinator } from '../../src/protocol/messages/find-coordinator.ts';
import { OffsetCommit } from '../../src/protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../src/protocol/messages/offset-fetch.ts';
import type { Checker } from './checker.ts';
import { accept, Client } from './client.ts';
import { Violation } from './ledger.ts';
import { describe, type World } from './machine.ts';

const OFFSETS_TOPIC = '__consumer_offsets';
/** A coordinator that was replaced a moment ago may answer from before, once: what is lost stays lost. */
const ASK_AGAIN_MS = 4_000;

/** A group that commits ever greater offsets, and asks for them: what was acknowledged, or was once told, is never taken back. */
export class Committer extends Client {
  acknowledged = 0;
  private readonly topic: string;
  private readonly checker: Checker;
  private coordinator: number | undefined;
  /** The least that an answer may say. */
  private atLeast = -1;
  private sent = -1;
  private stopped = false;

  constructor(name: string, world: World, brokerIds: readonly number[], checker: Checker, topic: string) {
    super(name, world, brokerIds);
    this.topic = topic;
    this.checker = checker;
  }

  start(everyMs: number): void {
    this.begin(async () => {
      while (!this.stopped) {
        await this.attempt(this.random.chance(0.6) ? () => this.commit() : () => this.check());
        await this.sleep(this.random.between(0.2, 1.8) * everyMs);
      }
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private async attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error instanceof Violation) throw error;
      this.world.trace.event(this.name, `refused: ${describe(error)}`);
      this.coordinator = undefined;
    }
  }

  private async commit(): Promise<void> {
    const offset = ++this.sent;
    const answer = await this.ask(await this.findCoordinator(), OffsetCommit, 7, {
      groupId: this.name,
      memberId: '',
      topics: [{ name: this.topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }] }],
    });
    accept(answer.topics[0]!.partitions[0]!.errorCode);
    this.atLeast = Math.max(this.atLeast, offset);
    this.acknowledged++;
  }

  private async check(): Promise<void> {
    const least = this.atLeast;
    let told = await this.fetch();
    if (told < least && !this.tainted) {
      await this.sleep(ASK_AGAIN_MS);
      this.coordinator = undefined;
      told = await this.fetch();
      if (told < least && !this.tainted) throw new Violation('COORDINATOR', `${this.name} is told ${told}, ${least} was committed`);
    }
    if (told > this.sent) throw new Violation('COORDINATOR', `${this.name} is told ${told}, no more than ${this.sent} was sent`);
    this.atLeast = Math.max(this.atLeast, told);
  }

  private get tainted(): boolean {
    return this.checker.ledger(OFFSETS_TOPIC, 0)?.tainted ?? false;
  }

  private async fetch(): Promise<number> {
    const answer = await this.ask(await this.findCoordinator(), OffsetFetch, 5, {
      groupId: this.name,
      topics: [{ name: this.topic, partitionIndexes: [0] }],
    });
    accept(answer.errorCode);
    const [partition] = answer.topics[0]!.partitions;
    accept(partition!.errorCode);
    return partition!.committedOffset;
  }

  private async findCoordinator(): Promise<number> {
    if (this.coordinator !== undefined) return this.coordinator;
    const answer = await this.ask(this.anyBroker(), FindCoordinator, 2, { key: this.name, keyType: 0 });
    accept(answer.errorCode);
    this.coordinator = answer.nodeId;
    return answer.nodeId;
  }
}
