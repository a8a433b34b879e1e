import { realFiles } from '../../core/real-files.ts';
import type { BootstrapConnection } from '../bootstrap.ts';
import { noSuchTopic } from '../broker-session.ts';
import { CliError, messageOf, usageError } from '../errors.ts';
import { byTopicAndPartition, keyOf, type TopicPartition } from '../groups/group-offsets.ts';
import { partitionsNamed } from '../groups/reset-plan.ts';
import type { TopicScope } from '../groups/reset-target.ts';
import { findTopics } from '../topic-admin.ts';
import { TOPIC_NAME } from '../topic-spec.ts';

/** Where a partition is to be: brokers, the preferred leader first. */
export interface PlannedPartition extends TopicPartition {
  readonly replicas: readonly number[];
}

/** A plan as Kafka's kafka-reassign-partitions.sh reads and writes it. */
export interface PlanFile {
  readonly version: 1;
  readonly partitions: readonly PlannedPartition[];
}

/** A plan for all partitions of a large cluster. */
const MAX_PLAN_BYTES = 16 * 1024 * 1024;
const MAX_ID = 2 ** 31 - 1; // int32 on the wire

function readSmall(path: string): string {
  const file = realFiles.open(path, 'r');
  try {
    const size = file.size();
    if (size > MAX_PLAN_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_PLAN_BYTES}`);
    const content = Buffer.alloc(size);
    return content.toString('utf8', 0, file.readSync(content, 0));
  } finally {
    file.close();
  }
}

/** @throws CliError (usage) that says what is wrong with the file */
export function readPlan(path: string): PlannedPartition[] {
  const wrong = (what: string) => usageError(`--plan ${path}: ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(readSmall(path));
  } catch (error) {
    throw wrong(messageOf(error));
  }
  const partitions = field(value, 'partitions');
  if (!Array.isArray(partitions)) throw wrong('write {"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1,2,3]}]}');
  if (field(value, 'version') !== 1) throw wrong('"version" must be 1');
  const seen = new Set<string>();
  return partitions.map((each: unknown, i) => {
    const [topic, partition, replicas] = ['topic', 'partition', 'replicas'].map((name) => field(each, name));
    const at = `entry ${i + 1}: `;
    if (typeof topic !== 'string' || !TOPIC_NAME.test(topic)) throw wrong(`${at}"topic" must be a topic's name`);
    if (!isId(partition)) throw wrong(`${at}"partition" must be a number from 0`);
    if (!isReplicaList(replicas)) throw wrong(`${at}"replicas" must be a list of broker ids, each once`);
    const planned = { topic, partition, replicas };
    if (seen.has(keyOf(planned))) throw wrong(`${at}${keyOf(planned)} stands in it twice`);
    seen.add(keyOf(planned));
    return planned;
  });
}

/** `1,2,3`. @throws CliError (usage) */
export function parseReplicas(text: string): number[] {
  const ids = text.split(',').map((each) => (/^\s*\d{1,10}\s*$/.test(each) ? Number(each) : -1));
  if (isReplicaList(ids)) return ids;
  throw usageError(`--replicas ${text}: write broker ids, each once, as in 1,2,3`);
}

/** The same brokers for each partition, each time another one first, so that leaders are spread over them. */
export async function planByHand(
  broker: BootstrapConnection,
  scopes: readonly TopicScope[],
  replicas: readonly number[],
): Promise<PlannedPartition[]> {
  const partitions = await partitionsNamed({ bootstrap: broker }, scopes);
  const nextOf = new Map<string, number>();
  return partitions.map(({ topic, partition }) => {
    const first = (nextOf.get(topic) ?? 0) % replicas.length;
    nextOf.set(topic, first + 1);
    return { topic, partition, replicas: [...replicas.slice(first), ...replicas.slice(0, first)] };
  });
}

/** Where each of the partitions is now, by topic and number. @throws CliError when one of them is not there */
export async function whereTheyAre(broker: BootstrapConnection, partitions: readonly TopicPartition[]): Promise<PlannedPartition[]> {
  const topics = await findTopics(broker, [...new Set(partitions.map(({ topic }) => topic))]);
  return [...partitions].sort(byTopicAndPartition).map(({ topic, partition }) => {
    const there = topics.get(topic)?.partitions;
    if (!there) throw noSuchTopic(topic, broker);
    const found = there.find((each) => each.partition === partition);
    if (!found) throw new CliError(`topic "${topic}" has no partition ${partition}; it has ${there.length}, from 0 on`);
    return { topic, partition, replicas: found.replicas };
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

const isId = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_ID;

const isReplicaList = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every(isId) && new Set(value).size === value.length;
