import { TOPIC_KEYS } from '../config/topic-keys.ts';
import type { Difference } from './compare.ts';
import { patternOf } from './known.ts';
import { OWN_CONFIGS } from './normaliser.ts';
import type { Entry, Json } from './transcript.ts';

/** A broker config that decides what scenarios see. */
export interface Assumption {
  readonly key: string;
  /** What the brokers had from which the transcripts come. */
  readonly value: string;
  /** Scenarios that tell nothing where it is set otherwise, and are left out then; `*` stands for any text. None: they go well all the same. */
  readonly scenarios: readonly string[];
  readonly why: string;
}

const AUTO_CREATED = 'Metadata: a topic that is created*';

/** Sizes of pools, which may not be changed by much at once. */
const POOLS: readonly (readonly [key: string, value: string])[] = [
  ['background.threads', '10'],
  ['log.cleaner.dedupe.buffer.size', '134217728'],
  ['log.cleaner.threads', '1'],
  ['num.io.threads', '8'],
  ['num.network.threads', '3'],
  ['num.recovery.threads.per.data.dir', '2'],
  ['num.replica.fetchers', '1'],
];

/** What the expectations assume of a broker's settings. */
export const ASSUMPTIONS: readonly Assumption[] = [
  { key: 'num.partitions', value: '1', scenarios: ['CreateTopics: *', AUTO_CREATED], why: 'topics are created with the default' },
  {
    key: 'default.replication.factor',
    value: '1',
    scenarios: ['CreateTopics: *', AUTO_CREATED],
    why: 'topics are created with the default',
  },
  { key: 'min.insync.replicas', value: '1', scenarios: ['Produce: *'], why: 'one replica has to be enough for acks=all' },
  {
    key: 'auto.create.topics.enable',
    value: 'true',
    scenarios: [AUTO_CREATED, 'Metadata: *'],
    why: 'topics are created by being asked for',
  },
  { key: 'delete.topic.enable', value: 'true', scenarios: ['*'], why: 'topics are deleted when a scenario is over' },
  { key: 'message.max.bytes', value: '1048588', scenarios: ['Produce: *'], why: 'batches just above it are refused' },
  { key: 'compression.type', value: 'producer', scenarios: ['Produce: *'], why: 'records come back as they were sent' },
  {
    key: 'log.message.timestamp.type',
    value: 'CreateTime',
    scenarios: ['Produce: *', 'Fetch: *'],
    why: 'timestamps come back as they were sent',
  },
  {
    key: 'group.min.session.timeout.ms',
    value: '6000',
    scenarios: ['JoinGroup: what is refused'],
    why: 'shorter session timeouts are refused',
  },
  {
    key: 'group.max.session.timeout.ms',
    value: '1800000',
    scenarios: ['JoinGroup: what is refused'],
    why: 'longer session timeouts are refused',
  },
  {
    key: 'socket.request.max.bytes',
    value: '104857600',
    scenarios: ['ApiVersions: malformed frames'],
    why: 'longer frames are refused',
  },
  { key: 'offset.metadata.max.bytes', value: '4096', scenarios: ['OffsetCommit: *'], why: 'longer metadata is refused' },
  { key: 'offsets.topic.num.partitions', value: '50', scenarios: ['Metadata: *'], why: '__consumer_offsets is looked at' },
  ...POOLS.map(([key, value]) => ({
    key,
    value,
    scenarios: ['*AlterConfigs: of brokers, validated only'],
    why: 'what is refused depends on it',
  })),
  { key: 'group.initial.rebalance.delay.ms', value: '0', scenarios: [], why: 'with a delay the scenarios of groups take longer' },
  { key: 'log.retention.ms', value: '-1', scenarios: [], why: 'records are years old: a retention check meanwhile may delete them' },
];

/** A broker config that the target has set otherwise than the brokers from which the transcripts come. */
export interface OtherSetting {
  readonly key: string;
  readonly recorded: string | null;
  readonly found: string | null;
}

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  /** As in DescribeConfigs: 5 is a default of the software, what is below was set by somebody. */
  readonly configSource: number;
}

const DEFAULT_SOURCE = 5;
const unset = { value: null, configSource: DEFAULT_SOURCE };

/**
 * Which configs somebody has set otherwise. Where both sides have their software's default, another default is a difference of the software, and
 * not listed.
 */
export function otherSettings(recorded: readonly DescribedConfig[], found: readonly DescribedConfig[]): OtherSetting[] {
  const theirs = new Map(found.map((config) => [config.name, config]));
  const ours = new Map(recorded.map((config) => [config.name, config]));
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((key) => {
    const [a, b] = [ours.get(key) ?? unset, theirs.get(key) ?? unset];
    const isSet = a.configSource < DEFAULT_SOURCE || b.configSource < DEFAULT_SOURCE;
    return isSet && a.value !== b.value && !OWN_CONFIGS.has(key) ? [{ key, recorded: a.value, found: b.value }] : [];
  });
}

/** What the transcripts say of the configs of the broker that they come from. */
export function recordedConfigs(entries: readonly Entry[], version: number): DescribedConfig[] {
  const all = entries.find(
    (entry) => entry.scenario === 'DescribeConfigs: of a broker' && entry.step === 'all' && entry.version === version,
  );
  const { results } = (all?.response ?? { results: {} }) as { results: { [name: string]: { configs: { [name: string]: Json } } } };
  return Object.values(results['4 1']?.configs ?? {}) as unknown as DescribedConfig[];
}

/** The assumptions that do not hold. */
export function brokenAssumptions(others: readonly OtherSetting[]): Assumption[] {
  return ASSUMPTIONS.filter(({ key }) => others.some((other) => other.key === key));
}

/** Why a scenario is left out on such a broker; null: it is not. */
export function whyLeftOut(scenario: string, broken: readonly Assumption[]): string | null {
  const found = broken.find(({ scenarios }) => scenarios.some((pattern) => patternOf(pattern).test(scenario)));
  return found ? `${found.key} is not ${found.value}, and ${found.why}` : null;
}

/** The keys by which one setting shows: those of topics that take it over, and the same time in other units. */
function namesOf({ key }: OtherSetting): string[] {
  const family =
    key.startsWith('log.retention.') && key !== 'log.retention.bytes'
      ? ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours']
      : [key];
  const topicKeys = Object.entries(TOPIC_KEYS).filter(([, { broker }]) => broker !== undefined && family.includes(broker));
  return [...family, ...topicKeys.map(([name]) => name)];
}

/** The configs whose listing differs because a target is set up otherwise. */
export const shownOtherwise = (others: readonly OtherSetting[]): ReadonlySet<string> => new Set(others.flatMap(namesOf));

/** Whether a difference is in the listing of one of these configs, and nowhere else. */
export function isOfSettings({ path }: Pick<Difference, 'path'>, keys: ReadonlySet<string>): boolean {
  const [, listed] = /(?:^|\.)configs\.(.+)$/.exec(path) ?? [];
  if (listed === undefined) return false;
  // Keys have dots themselves.
  return [...keys].some((key) => listed === key || listed.startsWith(`${key}.`));
}
