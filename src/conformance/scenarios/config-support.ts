import type { DescribeConfigs } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';

export const TOPIC = 2;
export const BROKER = 4;
export const BROKER_LOGGER = 8;
export const CLIENT_METRICS = 16;
export const GROUP = 32;
/** The broker that is asked. */
export const NODE = '1';

export const SET = 0;
export const DELETE = 1;
export const APPEND = 2;
export const SUBTRACT = 3;

export const describe = (resourceType: number, resourceName: string, configurationKeys: string[] | null, more: object = {}) => ({
  resources: [{ resourceType, resourceName, configurationKeys }],
  ...more,
});

type Described = ResponseOf<typeof DescribeConfigs>;
/** What the topic itself was given. */
export const ownConfigs = ({ results }: Described) =>
  Object.fromEntries((results[0]?.configs ?? []).filter(({ configSource }) => configSource === 1).map(({ name, value }) => [name, value]));
export const has = (key: string, value: string | null) => (response: Described) => (ownConfigs(response)[key] ?? null) === value;

/** Values of topics at the bounds of each type, and beyond them. */
export const TOPIC_VALUES: readonly (readonly [key: string, value: string | null])[] = [
  ['retention.ms', '-1'],
  ['retention.ms', '-2'],
  ['retention.ms', ''],
  ['retention.ms', ' 5 '],
  ['retention.ms', '+5'],
  ['retention.ms', '5.0'],
  ['retention.ms', '1e3'],
  ['retention.ms', '9223372036854775807'],
  ['retention.ms', '9223372036854775808'],
  ['retention.ms', null],
  ['retention.bytes', '-2'],
  ['segment.bytes', '1048576'],
  ['segment.bytes', '1048575'],
  ['segment.bytes', '2147483647'],
  ['segment.bytes', '2147483648'],
  ['segment.ms', '0'],
  ['segment.index.bytes', '3'],
  ['segment.jitter.ms', '-1'],
  ['flush.messages', '0'],
  ['flush.ms', '-1'],
  ['max.message.bytes', '0'],
  ['max.message.bytes', '-1'],
  ['max.message.bytes', '0x10'],
  ['min.insync.replicas', '0'],
  ['min.insync.replicas', '9'],
  ['min.cleanable.dirty.ratio', '1'],
  ['min.cleanable.dirty.ratio', '1.1'],
  ['min.cleanable.dirty.ratio', '-0.1'],
  ['min.cleanable.dirty.ratio', 'NaN'],
  ['min.cleanable.dirty.ratio', '.5f'],
  ['cleanup.policy', ''],
  ['cleanup.policy', 'delete'],
  ['cleanup.policy', 'DELETE'],
  ['cleanup.policy', 'compact,delete'],
  ['cleanup.policy', ' compact , delete '],
  ['cleanup.policy', 'delete,delete'],
  ['cleanup.policy', 'delete,'],
  ['cleanup.policy', 'delete,burn'],
  ['compression.type', 'zstd'],
  ['compression.type', 'ZSTD'],
  ['compression.type', 'none'],
  ['compression.type', ''],
  ['compression.gzip.level', '0'],
  ['compression.gzip.level', '-1'],
  ['compression.gzip.level', '10'],
  ['compression.lz4.level', '0'],
  ['compression.lz4.level', '17'],
  ['compression.zstd.level', '23'],
  ['compression.zstd.level', '-131072'],
  ['message.timestamp.type', 'LogAppendTime'],
  ['message.timestamp.type', 'logappendtime'],
  ['message.timestamp.after.max.ms', '-1'],
  ['preallocate', 'TRUE'],
  ['preallocate', 'yes'],
  ['preallocate', ''],
  ['unclean.leader.election.enable', '1'],
  ['leader.replication.throttled.replicas', '*'],
  ['leader.replication.throttled.replicas', '0:1,1:1'],
  ['leader.replication.throttled.replicas', '0'],
  ['leader.replication.throttled.replicas', '*,0:1'],
  ['remote.storage.enable', 'true'],
  ['remote.storage.enable', 'false'],
  ['local.retention.ms', '-2'],
  ['local.retention.ms', '-3'],
  ['local.retention.bytes', '5'],
  ['remote.log.copy.disable', 'true'],
  ['remote.log.delete.on.disable', 'true'],
  ['min.compaction.lag.ms', '9223372036854775807'],
  ['max.compaction.lag.ms', '0'],
  ['message.format.version', '3.0'],
  ['message.downconversion.enable', 'true'],
  ['message.timestamp.difference.max.ms', '1'],
  ['log.retention.ms', '5'],
  ['RETENTION.MS', '5'],
];

/** Values for brokers: keys that can be altered, keys that cannot, and bad values. */
export const BROKER_VALUES: readonly (readonly [key: string, value: string | null])[] = [
  ['max.connections', '100'],
  ['max.connections', '-1'],
  ['max.connections', 'many'],
  ['max.connections', null],
  ['message.max.bytes', '2000000'],
  ['message.max.bytes', '-1'],
  ['log.retention.ms', '-1'],
  ['log.retention.ms', '0'],
  ['log.retention.ms', '-2'],
  ['log.retention.bytes', '5'],
  ['log.retention.hours', '5'],
  ['log.retention.minutes', '5'],
  ['log.roll.ms', '0'],
  ['log.segment.bytes', '5'],
  ['log.roll.jitter.ms', '-1'],
  ['log.local.retention.ms', '-3'],
  ['log.local.retention.ms', '999999999999'],
  ['log.local.retention.bytes', '5'],
  ['log.cleaner.threads', '0'],
  ['log.cleaner.threads', '2'],
  ['log.cleaner.threads', '3'],
  ['log.cleaner.dedupe.buffer.size', '5'],
  ['log.cleaner.io.max.bytes.per.second', '0'],
  ['log.cleaner.min.cleanable.ratio', '2'],
  ['log.flush.interval.messages', '0'],
  ['log.message.timestamp.type', 'never'],
  ['log.preallocate', 'perhaps'],
  ['num.io.threads', '3'],
  ['num.io.threads', '4'],
  ['num.io.threads', '16'],
  ['num.io.threads', '17'],
  ['num.network.threads', '7'],
  ['num.replica.fetchers', '0'],
  ['num.replica.fetchers', '3'],
  ['background.threads', '21'],
  ['num.recovery.threads.per.data.dir', '9'],
  ['max.connections.per.ip', '-1'],
  ['max.connections.per.ip.overrides', 'x'],
  ['max.connections.per.ip.overrides', '127.0.0.1:5'],
  ['max.connection.creation.rate', '0'],
  ['producer.id.expiration.ms', '0'],
  ['producer.id.expiration.ms', '60000'],
  ['transaction.partition.verification.enable', 'false'],
  ['min.insync.replicas', '0'],
  ['metric.reporters', ''],
  ['ssl.keystore.location', '/x'],
  ['listener.name.plaintext.ssl.keystore.location', '/x'],
  ['listener.name.nowhere.ssl.keystore.location', '/x'],
  ['listener.name.plaintext.max.connections', '50'],
  ['listener.name.plaintext.num.network.threads', '3'],
  ['listener.name.plaintext.num.partitions', '3'],
  ['advertised.listeners', 'PLAINTEXT://localhost:1'],
  ['sasl.jaas.config', 'x'],
  ['principal.builder.class', 'x'],
  ['remote.log.manager.copy.max.bytes.per.second', '0'],
  ['remote.fetch.max.wait.ms', '0'],
  ['replica.alter.log.dirs.io.max.bytes.per.second', '-1'],
  ['group.consumer.session.timeout.ms', '1'],
  ['log.dir', '/tmp/x'],
  ['security.inter.broker.protocol', 'SSL'],
  ['log.retention.check.interval.ms', '1'],
  ['quota.window.num', '1'],
  ['log.cleanup.policy', 'compact'],
  ['log.cleanup.policy', 'burn'],
  ['log.flush.interval.ms', '1'],
  ['compression.type', 'lz4'],
  ['compression.type', 'none'],
  ['unclean.leader.election.enable', 'true'],
  ['unclean.leader.election.enable', 'perhaps'],
  ['leader.replication.throttled.rate', '1000'],
  ['leader.replication.throttled.rate', '-1'],
  ['follower.replication.throttled.rate', '0'],
  ['num.io.threads', '0'],
  ['num.partitions', '3'],
  ['default.replication.factor', '1'],
  ['auto.create.topics.enable', 'false'],
  ['delete.topic.enable', 'false'],
  ['offsets.retention.minutes', '5'],
  ['group.initial.rebalance.delay.ms', '0'],
  ['node.id', '1'],
  ['broker.id', '1'],
  ['broker.rack', 'r'],
  ['log.dirs', '/tmp/x'],
  ['process.roles', 'broker'],
  ['no.such.config', '1'],
  ['no.such.config', ''],
  ['', '1'],
];

/** What a scenario really alters of the broker, for a moment: a key without effect while there is no tiered storage. */
export const ALTERED_KEY = 'remote.fetch.max.wait.ms';
/** Begins keys that nobody knows: they may be a plug-in's. */
export const PLUGIN_PREFIX = 'conformance.';

/** All configs of a broker, but for those that another scenario may be altering just now. */
export const unaltered = (response: Described): Described => ({
  ...response,
  results: response.results.map((result) => ({
    ...result,
    configs: result.configs.filter(({ name }) => name !== ALTERED_KEY && !name.startsWith(PLUGIN_PREFIX)),
  })),
});

/** Values do not depend on the version of a request: the newest has them all, the others some. */
export const valuesFor = <T>(version: number, newest: number, values: readonly T[]): readonly T[] =>
  version === newest ? values : values.filter((_, index) => index % 8 === 0);
