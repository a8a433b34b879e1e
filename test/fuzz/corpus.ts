import fc from 'fast-check';
import { HANDLERS } from '../../src/handlers/index.ts';
import { encode, type Struct } from '../support/interpreter.ts';
import { requestFrame } from '../support/raw-client.ts';
import { messageArbitrary } from '../support/schema-arbitrary.ts';
import { kafkaMessages } from '../support/schema-files.ts';
import { goldenFrames } from '../support/schema-golden.ts';
import { bombs, hostileBatch, validBatch } from './batches.ts';
import type { Chance } from './chance.ts';
import { hostileMessageSet } from './message-sets.ts';

/** What the fuzzing may touch. Its neighbour's topic and group are named otherwise, and no mutation makes up their names. */
export const TOPICS = ['fuzz-a', 'fuzz-b', 'fuzz-c'] as const;
/** What DeleteTopics is aimed at, so that the others are there for the rest. */
const DOOMED = ['fuzz-doomed', 'fuzz-doomed-too'];
const GROUPS = ['fuzz-group-a', 'fuzz-group-b', 'fuzz-group-c'];
const CONFIGS = [
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'flush.messages',
];
const VALUES = ['1', '-1', '1048576', '2000000', 'compact', 'delete', 'zstd', 'producer', 'x', ''];

/** Ids that the broker gave: the newest of each kind. With them requests get past the first check. */
export interface Known {
  readonly topicIds: string[];
  readonly memberIds: string[];
  readonly sessionIds: number[];
}

/** One request frame without its length. */
export interface SeedFrame {
  readonly api: string;
  readonly bytes: Buffer;
}

export interface Corpus {
  /** A frame that follows the definitions. */
  valid(chance: Chance): SeedFrame;
  /** A Produce request that is right but for its batch. */
  produce(chance: Chance): SeedFrame;
  /** Requests with large replies. */
  wordy(chance: Chance): SeedFrame;
}

const MESSAGES = kafkaMessages('api');
/** Produce before it has message sets. */
const FIRST_WITH_BATCHES = 3;
/** fast-check begins with small values; the last ones have something in them. */
const SAMPLED = 20;
const SAMPLES = 5;

export function corpus(seed: number, known: Known): Corpus {
  const generated = HANDLERS.flatMap(({ api, versions: [first, last] }) => {
    const message = MESSAGES.get(`${api.name}Request`)!;
    return Array.from({ length: last - first + 1 }, (_, i) => first + i).map((version) => ({
      api: api.name,
      version,
      bodies: fc.sample(messageArbitrary(message, version), { seed: seed + version, numRuns: SAMPLED }).slice(-SAMPLES),
    }));
  });
  const served = new Set(generated.map(({ api }) => api));
  // Internal topics are left alone: the neighbour's committed offsets are in one.
  const golden = goldenFrames().filter(({ apiName, kind, bytes }) => kind === 'request' && served.has(apiName) && !bytes.includes('__'));
  const made = bombs();
  const byApi = [...served].map((name) => generated.filter(({ api }) => api === name));

  const aimed = (chance: Chance): SeedFrame => {
    const { api, version, bodies } = chance.pick(chance.pick(byApi));
    const body = chance.pick(bodies);
    const target = chance.percent(80)
      ? (aim(body, { chance, known, topics: api === 'DeleteTopics' ? DOOMED : [...TOPICS, DOOMED[0]!] }) as Struct)
      : body;
    const correlationId = chance.below(0x7fffffff);
    try {
      encode(MESSAGES.get(`${api}Request`)!, version, target);
      return { api, bytes: requestFrame(api, version, correlationId, target) };
    } catch {
      return { api, bytes: requestFrame(api, version, correlationId, body) }; // a null where this version has none
    }
  };
  return {
    valid(chance) {
      if (chance.percent(75)) return aimed(chance);
      const { apiName, bytes } = chance.pick(golden);
      return { api: apiName, bytes: Buffer.from(bytes) };
    },
    produce(chance) {
      const version = chance.percent(70) ? chance.between(3, 12) : chance.below(FIRST_WITH_BATCHES);
      const partitionData = Array.from({ length: chance.pick([1, 1, 2]) }, () => ({
        index: chance.below(2),
        records: version < FIRST_WITH_BATCHES && chance.percent(90) ? hostileMessageSet(chance, made) : hostileBatch(chance, made),
      }));
      const body = {
        ...(version >= FIRST_WITH_BATCHES && { transactionalId: null }),
        acks: chance.percent(3) ? 0 : chance.pick([-1, 1]),
        timeoutMs: 1000,
        topicData: [{ name: chance.pick(TOPICS), partitionData }],
      };
      return { api: 'Produce', bytes: requestFrame('Produce', version, chance.below(0x7fffffff), body) };
    },
    wordy(chance) {
      const [api, version, body] = chance.pick<[string, number, Struct]>([
        ['Metadata', 12, { topics: null }],
        [
          'DescribeConfigs',
          4,
          { resources: [...TOPICS, ...TOPICS].map((name) => ({ resourceType: 2, resourceName: name, configurationKeys: null })) },
        ],
        ['Fetch', chance.pick([4, 0, 2, 3]), fetchAll(chance)],
      ]);
      return { api, bytes: requestFrame(api, version, chance.below(0x7fffffff), body) };
    },
  };
}

function fetchAll(chance: Chance): Struct {
  const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: chance.below(100), partitionMaxBytes: 1 << 20 }));
  return {
    replicaId: -1,
    maxWaitMs: 10,
    minBytes: 1,
    maxBytes: 50 << 20,
    isolationLevel: 0,
    topics: TOPICS.map((topic) => ({ topic, partitions })),
  };
}

interface Target {
  readonly chance: Chance;
  readonly known: Known;
  readonly topics: readonly string[];
}

/** The same request, with names and numbers that lead it to something that is there. */
function aim(value: unknown, target: Target, key = ''): unknown {
  const { chance } = target;
  if (key === 'configs' && Array.isArray(value)) {
    return value.map((config: Struct) => ({ ...config, name: chance.pick(CONFIGS), value: chance.pick(VALUES) }));
  }
  if (key === 'protocols' && Array.isArray(value)) return value.map((protocol: Struct) => ({ ...protocol, name: 'range' }));
  if (Array.isArray(value)) return value.map((each) => aim(each, target, key));
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, aim(inner, target, name)]));
  }
  if (value === null || chance.percent(12)) return value;
  const choose = AIMS.find(({ keys }) => keys.test(key))?.choose;
  return choose ? choose(target) : value;
}

const oneOf =
  (...values: readonly unknown[]) =>
  ({ chance }: Target) =>
    chance.pick(values);

const AIMS: readonly { readonly keys: RegExp; readonly choose: (target: Target) => unknown }[] = [
  { keys: /^(name|topic|topicName|topics|topicNames|resourceName)$/, choose: ({ chance, topics }) => chance.pick(topics) },
  { keys: /^(groupId|group|groups|groupsNames|key|coordinatorKeys)$/, choose: oneOf(...GROUPS) },
  { keys: /^topicId$/, choose: ({ chance, known }) => chance.pick(known.topicIds) },
  { keys: /^memberId$/, choose: ({ chance, known }) => chance.pick(['', ...known.memberIds]) },
  { keys: /^sessionId$/, choose: ({ chance, known }) => chance.pick([0, ...known.sessionIds]) },
  { keys: /^transactionalId$/, choose: () => null },
  { keys: /^groupInstanceId$/, choose: oneOf('m', 'n') },
  { keys: /^protocolType$/, choose: () => 'consumer' },
  { keys: /^protocolName$/, choose: () => 'range' },
  { keys: /^(partition|partitionIndex|partitions|index|partitionIndexes)$/, choose: oneOf(0, 1) },
  { keys: /^(numPartitions|count)$/, choose: oneOf(1, 2, 3) },
  { keys: /^replicationFactor$/, choose: () => 1 },
  { keys: /^resourceType$/, choose: () => 2 },
  { keys: /^acks$/, choose: oneOf(-1, 1) },
  { keys: /^(timeoutMs|maxWaitMs|rebalanceTimeoutMs)$/, choose: oneOf(0, 20, 100) },
  { keys: /^sessionTimeoutMs$/, choose: () => 6000 },
  { keys: /^sessionEpoch$/, choose: oneOf(-1, 0, 1, 2) },
  { keys: /^(currentLeaderEpoch|leaderEpoch|generationId|generationIdOrMemberEpoch|replicaId)$/, choose: oneOf(-1, -1, 0, 1, 2) },
  { keys: /^(fetchOffset|offset|timestamp|committedOffset|logStartOffset)$/, choose: oneOf(-2, -1, 0, 1, 7, 100) },
  { keys: /(maxBytes|MaxBytes)$/, choose: () => 1 << 20 },
  { keys: /^records$/, choose: ({ chance }) => validBatch(chance) },
];
