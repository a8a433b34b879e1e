import { KafkaError } from '../core/errors.ts';
import { encodeConfigs } from './config-writes.ts';
import { noteDeleted } from './deleted-topics.ts';
import type { MetadataImage, TopicImage } from './image.ts';
import { isStopping } from './isr.ts';
import { configKey, liveBrokerKey, partitionKey, topicKey } from './keys.ts';
import { type PlaceableBroker, placeReplicas } from './placement.ts';
import type { Cond, KV, MetadataStore, Op, Rev } from './store.ts';
import {
  checkCounts,
  checkIncrease,
  checkReplicas,
  checkTopicAssignments,
  checkTopicIsNew,
  checkTopicName,
  type TopicCounts,
  topicAlreadyExists,
} from './topic-rules.ts';
import { type RandomBytes, randomUuid } from './uuid.ts';
import { encodeValue, type PartitionValue, parseTopic, type ReplicaDisk, type TopicValue } from './values.ts';
import { batches, read, untilNoConflict, write } from './writes.ts';

export interface TopicSpec extends TopicCounts {
  readonly name: string;
  /** Overrides, already validated. */
  readonly configs?: ReadonlyMap<string, string>;
}

export interface TopicDefaults {
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** The replicas of each partition, by number. */
export type TopicPlan = readonly (readonly number[])[];

type Put = Extract<Op, { put: string }>;

export interface CreatedTopic {
  readonly topicId: string;
  /** Wait for it before the answer (MetadataFeed.waitFor). */
  readonly revision: Rev;
}

/** Whether a topic may have this name. @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION */
export function checkNewName(image: MetadataImage, name: string): void {
  checkTopicName(name);
  checkTopicIsNew(image, name);
}

/**
 * Checks the counts and assignments of a new topic, and chooses its replicas; writes nothing, so that with the checks of its name and configs
 * it is all of validateOnly.
 * @throws KafkaError with Kafka's code and message
 */
export function planTopic(image: MetadataImage, spec: TopicCounts, defaults: TopicDefaults, randomBytes: RandomBytes): TopicPlan {
  checkCounts(spec);
  if (spec.assignments && spec.assignments.length > 0) return checkTopicAssignments(image, spec.assignments);
  return placeReplicas(placeable(image), {
    partitions: spec.partitions === -1 ? defaults.partitions : spec.partitions,
    replicationFactor: spec.replicationFactor === -1 ? defaults.replicationFactor : spec.replicationFactor,
    start: Buffer.from(randomBytes(2)).readUInt16BE(),
  });
}

/**
 * Creates a planned topic. The partition keys go first, under a topic id that nobody knows yet; the topic key commits them all.
 * @throws KafkaError TOPIC_ALREADY_EXISTS when somebody else was faster; LEADER_NOT_AVAILABLE when a chosen broker went meanwhile
 */
export async function createTopic(
  store: MetadataStore,
  image: MetadataImage,
  spec: Pick<TopicSpec, 'name' | 'configs'>,
  plan: TopicPlan,
  randomBytes: RandomBytes,
): Promise<CreatedTopic> {
  if ((await read(store, topicKey(spec.name))).kv) throw topicAlreadyExists(spec.name);
  const configs = configOp(spec);
  const topicId = randomUuid(randomBytes);
  try {
    const written = await writePartitions(store, image, topicId, 0, plan, []);
    if (!written) throw brokerGone();
    const value = encodeValue({ topicId, partitions: plan.length });
    const conds: Cond[] = [
      { key: topicKey(spec.name), rev: 0 },
      { key: written.first.put, rev: written.rev },
    ];
    // With its first partition, so that it and the sweep of orphans exclude each other.
    const { ok, rev } = await write(store, conds, [{ put: topicKey(spec.name), value }, configs, written.first]);
    if (ok) return { topicId, revision: rev };
    if ((await read(store, topicKey(spec.name))).kv) throw topicAlreadyExists(spec.name);
    throw new KafkaError('REQUEST_TIMED_OUT', `The creation of topic ${spec.name} took too long; try again.`);
  } catch (error) {
    // In doubt, the topic key may still name these partitions; a later start sweeps them if it does not.
    if (!(error instanceof KafkaError && error.errorName === 'REQUEST_TIMED_OUT')) await dropPartitions(store, topicId, plan.length);
    throw error;
  }
}

/**
 * Deletes a topic with its configs, leaves a word of it, and then deletes its partition keys. `topicId`: only if the topic still has this id.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID
 */
export async function deleteTopic(store: MetadataStore, topic: { name: string; topicId?: string }): Promise<{ revision: Rev }> {
  const key = topicKey(topic.name);
  const { found, revision } = await untilNoConflict(async () => {
    const found = await readTopic(store, topic.name);
    if (!found) throw topic.topicId === undefined ? unknownTopic() : unknownTopicId();
    if (topic.topicId !== undefined && topic.topicId !== found.topicId) throw unknownTopicId();
    const ops = [{ del: key }, { del: configKey({ type: 'topic', name: topic.name }) }, noteDeleted(found.topicId, topic.name)];
    const { ok, rev } = await write(store, [{ key, rev: found.rev }], ops);
    return ok ? { found, revision: rev } : undefined;
  });
  await dropPartitions(store, found.topicId, found.partitions);
  return { revision };
}

/** The new partitions alone, the first with number `topic.partitions`; see planTopic. `assignments`: null lets the broker choose. */
export function planPartitions(
  image: MetadataImage,
  name: string,
  count: number,
  assignments: readonly (readonly number[])[] | null,
): TopicPlan {
  const topic = image.topic(name);
  if (!topic) throw unknownTopic();
  const current = topic.partitions.length;
  const additional = checkIncrease(name, current, count, assignments?.length);
  const replicationFactor = topic.partitions[0]!.replicas.length;
  if (assignments) {
    for (const [i, replicas] of assignments.entries()) checkReplicas(image, current + i, replicas, replicationFactor);
    return assignments;
  }
  return placeReplicas(placeable(image), { partitions: additional, replicationFactor, start: current });
}

/**
 * Adds planned partitions to a topic as it stands in `image`.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when it is gone; REQUEST_TIMED_OUT when it has grown meanwhile: plan anew
 */
export async function addPartitions(store: MetadataStore, image: MetadataImage, name: string, plan: TopicPlan): Promise<{ revision: Rev }> {
  const topic = image.topic(name);
  if (!topic) throw unknownTopic();
  const { topicId, rev } = topic;
  // Each batch holds only while the topic key stands where it stood, so that no partition already in service is overwritten.
  const unchanged: Cond = { key: topicKey(name), rev };
  const current = topic.partitions.length;
  if (!(await writePartitions(store, image, topicId, current, plan, [unchanged]))) throw await whyRefused(store, topic);
  const value = encodeValue({ topicId, partitions: current + plan.length });
  const result = await write(store, [unchanged], [{ put: topicKey(name), value }]);
  if (!result.ok) throw await whyRefused(store, topic);
  return { revision: result.rev };
}

/** The put of the first partition, and the revision that it made; undefined when a condition, or a leader's registration, no longer holds. */
async function writePartitions(
  store: MetadataStore,
  image: MetadataImage,
  topicId: string,
  first: number,
  plan: TopicPlan,
  conds: readonly Cond[],
): Promise<{ first: Put; rev: Rev } | undefined> {
  let result: { first: Put; rev: Rev } | undefined;
  for (const batch of batches(plan.map((replicas, i) => ({ partition: first + i, value: newPartition(image, replicas) })))) {
    const leaders = new Map<number, Rev>(batch.map(({ value }) => [value.leader, value.leaderBrokerEpoch]));
    const alive = [...leaders].map(([id, rev]) => ({ key: liveBrokerKey(id), rev }));
    const ops = batch.map(({ partition, value }) => ({ put: partitionKey(topicId, partition), value: encodeValue(value) }));
    const { ok, rev } = await write(store, [...conds, ...alive], ops);
    if (!ok) return undefined;
    result ??= { first: ops[0]!, rev };
  }
  return result;
}

/** In sync at first are the replicas that are alive and have a disk, the first of which leads. */
function newPartition(image: MetadataImage, replicas: readonly number[]): PartitionValue {
  const alive = replicas.filter((id) => image.brokers.has(id));
  const usable = alive.filter((id) => !image.isWithoutDisk(id));
  const staying = usable.filter((id) => !isStopping(image, id));
  const isr = [staying, usable, alive].find((ids) => ids.length > 0) ?? [];
  const leader = image.brokers.get(isr[0] ?? -1);
  if (!leader) throw brokerGone();
  const epochs = { leaderBrokerEpoch: leader.epoch, leaderEpoch: 0, partitionEpoch: 0 };
  return { replicas, adding: [], removing: [], isr, elr: [], leader: leader.id, ...epochs, disks: isr.map((id) => diskOf(image, id)) };
}

function diskOf(image: MetadataImage, id: number): ReplicaDisk {
  const { directoryId, generation } = image.brokers.get(id)!;
  return { id, directoryId, generation };
}

/** Best effort: what is left after a failure is swept at a later start. */
export async function dropPartitions(store: MetadataStore, topicId: string, count: number): Promise<void> {
  const ops: Op[] = Array.from({ length: count }, (_, partition) => ({ del: partitionKey(topicId, partition) }));
  try {
    for (const batch of batches(ops)) await store.txn([], batch);
  } catch {
    // The topic itself is gone, or never was: the answer does not change.
  }
}

function configOp({ name, configs }: Pick<TopicSpec, 'name' | 'configs'>): Op {
  const key = configKey({ type: 'topic', name });
  return configs && configs.size > 0 ? { put: key, value: encodeConfigs(configs) } : { del: key };
}

function placeable(image: MetadataImage): PlaceableBroker[] {
  const takesReplicas = (id: number) => image.brokers.has(id) && !isStopping(image, id) && !image.isWithoutDisk(id);
  return [...image.knownBrokers.values()].map(({ id, rack }) => ({ id, rack, alive: takesReplicas(id) }));
}

async function readTopic(store: MetadataStore, name: string): Promise<(TopicValue & Pick<KV, 'rev'>) | undefined> {
  const { kv } = await read(store, topicKey(name));
  return kv && { ...parseTopic(kv.key, kv.value), rev: kv.rev };
}

async function whyRefused(store: MetadataStore, { name, rev }: TopicImage): Promise<KafkaError> {
  const now = await readTopic(store, name);
  if (!now) return unknownTopic();
  return now.rev === rev ? brokerGone() : new KafkaError('REQUEST_TIMED_OUT', `Topic ${name} changed meanwhile; try again.`);
}

function brokerGone(): KafkaError {
  return new KafkaError('LEADER_NOT_AVAILABLE', 'A chosen broker went, or registered anew, meanwhile; try again.');
}

function unknownTopic(): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.');
}

function unknownTopicId(): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_ID', 'This server does not host this topic ID.');
}
