import { type BrokerConfig, createConfigs } from '../config.ts';
import { KafkaError } from '../core/errors.ts';
import { alterConfigs } from '../metadata/config-writes.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/internal-topics.ts';
import { type ConfigResource, topicKey } from '../metadata/keys.ts';
import type { MetadataStore } from '../metadata/store.ts';
import { checkTotalPartitions, type TopicCounts } from '../metadata/topic-rules.ts';
import { addPartitions, checkNewName, createTopic, deleteTopic, planPartitions, planTopic, type TopicPlan } from '../metadata/topics.ts';
import type { RandomBytes } from '../metadata/uuid.ts';
import { caughtUp } from './caught-up.ts';
import { type CoordinatorTopic, coordinatorTopic } from './coordinator-topics.ts';

export interface NewTopic extends TopicCounts {
  readonly name: string;
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

/** A topic as it was, or would be, created. */
export interface PlannedTopic {
  /** Zero partitions are never planned. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: ReadonlyMap<string, string>;
}

/** KIP-599: told of the partitions that are about to be created, once all checks are passed. What it throws ends the call. */
export type Charge = (partitions: number) => void;

/** A broker goes once in a while; that one went for each plan means something else. */
const MAX_PLANS = 5;

export interface TopicAdminOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly config: () => BrokerConfig;
  readonly randomBytes: RandomBytes;
}

/**
 * What an admin asks of the cluster, carried out by this broker: checks, a conditional write to the store, and the wait until this broker's own
 * image shows it, so that an answer is never ahead of what the next request sees.
 */
export class TopicAdmin {
  private readonly options: TopicAdminOptions;
  /** Creations under way that nobody asked for by name: auto-created and internal topics, which many requests want at once. */
  private readonly creating = new Map<string, Promise<void>>();

  constructor(options: TopicAdminOptions) {
    this.options = options;
  }

  /** @throws KafkaError with Kafka's code and message */
  create(topic: NewTopic, validateOnly: boolean, charge?: Charge): Promise<PlannedTopic> {
    const chargeOnce = onlyOnce(charge);
    return this.whileBrokersGo(() => this.createOnce(topic, validateOnly, chargeOnce));
  }

  private async createOnce(topic: NewTopic, validateOnly: boolean, charge: Charge): Promise<PlannedTopic> {
    const { store, metadata, config, randomBytes } = this.options;
    const defaults = { partitions: config().int('num.partitions'), replicationFactor: config().int('default.replication.factor') };
    const { configs: entries, ...counts } = topic;
    checkTotalPartitions([counts], defaults.partitions);
    // Kafka's order: of a topic with several faults the first in it is the one that is told.
    checkNewName(metadata.current, topic.name);
    const configs = createConfigs(entries, config());
    const plan = planTopic(metadata.current, counts, defaults, randomBytes);
    charge(plan.length);
    if (!validateOnly) {
      const { revision } = await createTopic(store, metadata.current, { name: topic.name, configs }, plan, randomBytes);
      await metadata.waitFor(revision);
    }
    return { partitions: plan.length, replicationFactor: plan[0]!.length, configs };
  }

  /** A topic that a client named and that does not exist, with the broker's defaults; one with the settings of its own if it is internal. */
  autoCreate(name: string): Promise<void> {
    if (name === OFFSETS_TOPIC || name === TRANSACTIONS_TOPIC) return this.ensureCoordinatorTopic(name);
    return this.once(name, { name, partitions: -1, replicationFactor: -1, configs: [] });
  }

  /** Resolves when the topic that a coordinator keeps its state in exists. */
  ensureCoordinatorTopic(name: CoordinatorTopic): Promise<void> {
    const { config, metadata } = this.options;
    if (metadata.current.topic(name)) return Promise.resolve();
    return this.once(name, coordinatorTopic(name, config(), metadata.current.brokers.size));
  }

  /** @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID */
  async delete(topic: { name: string; topicId?: string }): Promise<void> {
    const { revision } = await deleteTopic(this.options.store, topic);
    await this.options.metadata.waitFor(revision);
  }

  /** @param assignments replicas of the new partitions; null lets the broker choose */
  grow(
    name: string,
    count: number,
    assignments: readonly (readonly number[])[] | null,
    validateOnly: boolean,
    charge?: Charge,
  ): Promise<void> {
    const { store, metadata } = this.options;
    const chargeOnce = onlyOnce(charge);
    return this.whileBrokersGo(async () => {
      const plan: TopicPlan = planPartitions(metadata.current, name, count, assignments);
      chargeOnce(plan.length);
      if (validateOnly) return;
      const { revision } = await addPartitions(store, metadata.current, name, plan);
      await metadata.waitFor(revision);
    });
  }

  /** Replaces what is set for a resource by `change` of it; what `change` throws ends the call. */
  async alterConfigs(
    resource: ConfigResource,
    change: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
    validateOnly: boolean,
  ): Promise<void> {
    const { store, metadata } = this.options;
    if (validateOnly) {
      await caughtUp(this.options);
      if (resource.type === 'topic' && !metadata.current.topic(resource.name)) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
      change(metadata.current.configs(resource));
      return;
    }
    const { revision } = await alterConfigs(store, resource, change);
    await metadata.waitFor(revision);
  }

  /** Plans by an image that shows what others have answered; anew when a broker that was to lead went or registered anew. */
  private async whileBrokersGo<T>(act: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await caughtUp(this.options);
      try {
        return await act();
      } catch (error) {
        const isPassing = error instanceof KafkaError && error.errorName === 'LEADER_NOT_AVAILABLE';
        if (!isPassing || attempt === MAX_PLANS) throw error;
      }
    }
  }

  private once(name: string, topic: NewTopic): Promise<void> {
    const running = this.creating.get(name);
    if (running) return running;
    const creation = this.createIfAbsent(topic).finally(() => this.creating.delete(name));
    this.creating.set(name, creation);
    return creation;
  }

  private async createIfAbsent(topic: NewTopic): Promise<void> {
    try {
      await this.create(topic, false);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.errorName !== 'TOPIC_ALREADY_EXISTS') throw error;
      // Somebody else has just created it: this broker's image may not show it yet.
      const { store, metadata } = this.options;
      await metadata.waitFor((await store.get(topicKey(topic.name))).rev);
    }
  }
}

/** Planning again, as a broker went meanwhile, costs nothing again. */
function onlyOnce(charge: Charge | undefined): Charge {
  let isCharged = false;
  return (partitions) => {
    if (!isCharged) charge?.(partitions);
    isCharged = true;
  };
}
