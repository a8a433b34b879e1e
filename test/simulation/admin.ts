import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { AlterPartitionReassignments } from '../../src/protocol/messages/alter-partition-reassignments.ts';
import { CreateTopics } from '../../src/protocol/messages/create-topics.ts';
import { DeleteTopics } from '../../src/protocol/messages/delete-topics.ts';
import { accept, Client, Refused } from './client.ts';
import { Violation } from './ledger.ts';
import { describe, type Machine, type World } from './machine.ts';

const TIMEOUT_MS = 5_000;
/** A broker whose store is slower than this may take a new topic for unknown after a while (rule 11 is bounded). */
const SLOW_NEWS_MS = 500;

/** A topic whose replicas may move. */
export interface ChurnedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** Creates the topic of the run; then, over and over, one more, which must be known everywhere at once, and deletes it. */
export class Admin extends Client {
  readonly counts = { created: 0, deleted: 0, reassigned: 0 };
  private readonly machines: ReadonlyMap<number, Machine>;
  private stopped = false;

  constructor(name: string, world: World, machines: ReadonlyMap<number, Machine>) {
    super(name, world, [...machines.keys()]);
    this.machines = machines;
  }

  stop(): void {
    this.stopped = true;
  }

  /** Once every broker serves; until it is there. */
  async createFirst(topic: string, partitions: number, replicationFactor: number): Promise<void> {
    for (;;) {
      await this.sleep(100);
      if ([...this.machines.values()].some(({ serving }) => !serving)) continue;
      try {
        await this.create(topic, partitions, replicationFactor);
        return;
      } catch (error) {
        this.world.trace.tell(this.name, `${topic} is not created: ${describe(error)}`);
        if (isCode(error, 'TOPIC_ALREADY_EXISTS')) return;
      }
    }
  }

  /** Changes what the cluster has, now and then, until it is stopped. New topics are as the first. */
  async churn(topics: readonly [ChurnedTopic, ...ChurnedTopic[]]): Promise<void> {
    for (let n = 0; !this.stopped; n++) {
      await this.sleep(this.random.between(300, 4_000));
      try {
        if (this.random.chance(0.5)) await this.passingTopic(`passing-${n}`, topics[0].replicationFactor);
        else {
          const { topic, partitions, replicationFactor } = topics.length > 1 ? this.random.pick(topics) : topics[0];
          await this.reassign(topic, this.random.below(partitions), replicationFactor);
        }
      } catch (error) {
        if (error instanceof Violation) throw error;
        this.world.trace.event(this.name, `refused: ${describe(error)}`);
      }
    }
  }

  private async passingTopic(topic: string, replicationFactor: number): Promise<void> {
    await this.create(topic, 1, replicationFactor);
    this.counts.created++;
    await this.requireKnown(topic);
    await this.sleep(this.random.between(0, 2_000));
    await this.delete(topic);
    this.counts.deleted++;
  }

  /** To any brokers; sometimes what is under way is called off. */
  private async reassign(topic: string, partitionIndex: number, replicationFactor: number): Promise<void> {
    const left = [...this.machines.keys()];
    const chosen = Array.from({ length: replicationFactor }, () => left.splice(this.random.below(left.length), 1)[0]!);
    const replicas = this.random.chance(0.15) ? null : chosen;
    const answer = await this.ask(this.anyBroker(), AlterPartitionReassignments, 0, {
      timeoutMs: TIMEOUT_MS,
      topics: [{ name: topic, partitions: [{ partitionIndex, replicas }] }],
    });
    accept(answer.errorCode);
    accept(answer.responses[0]!.partitions[0]!.errorCode);
    this.counts.reassigned++;
    this.world.trace.tell(this.name, `${topic}-${partitionIndex} is to be on [${replicas ?? 'as before'}]`);
  }

  /** Metadata-store rule 11. */
  private async requireKnown(topic: string): Promise<void> {
    const machine = this.machines.get(this.anyBroker())!;
    const { process, weather } = machine;
    const isWell = () =>
      machine.serving && machine.process === process && process.state === 'running' && !weather.cut && weather.unavailable === 0;
    if (!isWell() || this.world.store.newsMs[1] > SLOW_NEWS_MS) return;
    const { pauses } = machine;
    try {
      await this.leaderFrom(machine.id, topic, 0);
    } catch (error) {
      const isUnknown = isCode(error, 'UNKNOWN_TOPIC_OR_PARTITION');
      if (isUnknown && isWell() && machine.pauses === pauses) {
        throw new Violation('UNKNOWN', `broker ${machine.id} does not know ${topic}, which was created`);
      }
      if (!isUnknown) throw error;
    }
  }

  private async create(name: string, numPartitions: number, replicationFactor: number): Promise<void> {
    const answer = await this.ask(this.anyBroker(), CreateTopics, 5, {
      topics: [{ name, numPartitions, replicationFactor, assignments: [], configs: [] }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    accept(answer.topics[0]!.errorCode);
  }

  private async delete(topic: string): Promise<void> {
    const answer = await this.ask(this.anyBroker(), DeleteTopics, 4, { topicNames: [topic], timeoutMs: TIMEOUT_MS });
    accept(answer.responses[0]!.errorCode);
  }
}

function isCode(error: unknown, name: keyof typeof ERROR_CODES): boolean {
  return error instanceof Refused && error.code === ERROR_CODES[name].code;
}
