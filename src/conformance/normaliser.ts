import type { Clock } from '../core/clock.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { batchViews } from './batch-view.ts';
import type { Json } from './transcript.ts';
import type { Self } from './venue.ts';

/** How far a broker's clock, or a scenario's own duration, may move a timestamp that the broker gave. */
const NOW_WITHIN_MS = 10 * 60_000;

/** How the brokers were dialled from which the transcripts come. */
const RECORDED_HOST = 'localhost';

const UUID_IN_TEXT = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Free text for humans: it must be there or be null on both sides, in whatever words. */
export const WORDING_FIELDS: ReadonlySet<string> = new Set(['errorMessage', 'batchIndexErrorMessage', 'documentation']);

/**
 * Arrays whose order means nothing (Kafka answers from hash maps and sets), as `response.path`, with the field that names an element.
 * They become objects, so that a difference in one element does not look like one in all.
 */
export const KEYED_ARRAYS: Readonly<Record<string, readonly string[]>> = {
  'ApiVersions.apiKeys': ['apiKey'],
  'ApiVersions.supportedFeatures': ['name'],
  'ApiVersions.finalizedFeatures': ['name'],
  'Metadata.topics': ['name', 'topicId'],
  'Metadata.topics.partitions': ['partitionIndex'],
  'Produce.responses': ['name', 'topicId'],
  'Produce.responses.partitionResponses': ['index'],
  'Fetch.responses': ['topic', 'topicId'],
  'ListOffsets.topics': ['name'],
  'ListOffsets.topics.partitions': ['partitionIndex'],
  'CreateTopics.topics': ['name'],
  'CreateTopics.topics.configs': ['name'],
  'DeleteTopics.responses': ['name', 'topicId'],
  'DeleteRecords.topics': ['name'],
  'DeleteRecords.topics.partitions': ['partitionIndex'],
  'ElectLeaders.replicaElectionResults': ['topic'],
  'ElectLeaders.replicaElectionResults.partitionResult': ['partitionId'],
  'ListPartitionReassignments.topics': ['name'],
  'ListPartitionReassignments.topics.partitions': ['partitionIndex'],
  'CreatePartitions.results': ['name'],
  'DescribeConfigs.results': ['resourceType', 'resourceName'],
  'DescribeConfigs.results.configs': ['name'],
  'AlterConfigs.responses': ['resourceType', 'resourceName'],
  'IncrementalAlterConfigs.responses': ['resourceType', 'resourceName'],
  'OffsetForLeaderEpoch.topics': ['topic'],
  'OffsetForLeaderEpoch.topics.partitions': ['partition'],
  'AlterReplicaLogDirs.results': ['topicName'],
  'AlterReplicaLogDirs.results.partitions': ['partitionIndex'],
  'DescribeLogDirs.results.topics': ['name'],
  'DescribeLogDirs.results.topics.partitions': ['partitionIndex'],
  'ListConfigResources.configResources': ['resourceType', 'resourceName'],
  'JoinGroup.members': ['memberId'],
  'DescribeGroups.groups': ['groupId'],
  'DescribeGroups.groups.members': ['memberId'],
  'ListGroups.groups': ['groupId'],
  'DeleteGroups.results': ['groupId'],
  'OffsetDelete.topics': ['name'],
  'OffsetDelete.topics.partitions': ['partitionIndex'],
  'LeaveGroup.members': ['memberId', 'groupInstanceId'],
  'FindCoordinator.coordinators': ['key'],
  'OffsetCommit.topics': ['name', 'topicId'],
  'OffsetCommit.topics.partitions': ['partitionIndex'],
  'OffsetFetch.topics': ['name', 'topicId'],
  'OffsetFetch.topics.partitions': ['partitionIndex'],
  'OffsetFetch.groups': ['groupId'],
  'OffsetFetch.groups.topics': ['name', 'topicId'],
  'OffsetFetch.groups.topics.partitions': ['partitionIndex'],
  'AddPartitionsToTxn.resultsByTopicV3AndBelow': ['name'],
  'AddPartitionsToTxn.resultsByTopicV3AndBelow.resultsByPartition': ['partitionIndex'],
  'AddPartitionsToTxn.resultsByTransaction': ['transactionalId'],
  'AddPartitionsToTxn.resultsByTransaction.topicResults': ['name'],
  'AddPartitionsToTxn.resultsByTransaction.topicResults.resultsByPartition': ['partitionIndex'],
  'WriteTxnMarkers.markers': ['producerId'],
  'WriteTxnMarkers.markers.topics': ['name'],
  'WriteTxnMarkers.markers.topics.partitions': ['partitionIndex'],
  'TxnOffsetCommit.topics': ['name', 'topicId'],
  'TxnOffsetCommit.topics.partitions': ['partitionIndex'],
  'DescribeProducers.topics': ['name'],
  'DescribeProducers.topics.partitions': ['partitionIndex'],
  'DescribeProducers.topics.partitions.activeProducers': ['producerId'],
  'DescribeTransactions.transactionStates': ['transactionalId'],
  'DescribeTransactions.transactionStates.topics': ['topic'],
  'ListTransactions.transactionStates': ['transactionalId'],
};

/** Arrays whose order means nothing to clients either, which sort them, and the number by which they stand in transcripts. */
const SORTED_ARRAYS: Readonly<Record<string, string>> = { 'Fetch.responses.partitions.abortedTransactions': 'firstOffset' };

/** Configs whose value is this broker's own: where it runs. */
export const OWN_CONFIGS: ReadonlySet<string> = new Set([
  'advertised.listeners',
  'controller.quorum.voters',
  'listeners',
  'log.dir',
  'log.dirs',
]);

/**
 * Replaces in responses what may differ between two brokers that do the same. One normaliser serves one run of one scenario: the same id
 * gets the same placeholder, numbered by first appearance, so that "it is the id from before" can still be told.
 */
export class Normaliser {
  private readonly placeholders = new Map<string, string>();
  private readonly renamed = new Map<string, string>();
  private readonly counts = new Map<string, number>();
  private readonly clock: Clock;
  private readonly brokerPorts: readonly number[];
  private readonly ownPrefix: string;
  private readonly self: Self | undefined;
  /** While it only shows: ids that are new get no placeholder. */
  private onlyShows = false;

  /**
   * @param brokerPorts of the broker that is asked, and of the others of its cluster
   * @param ownPrefix what all names of this run begin with; `~` in a transcript, so that the versions of a scenario look alike
   * @param self where that is not node 1 at `localhost`, as it was where transcripts were recorded
   */
  constructor(clock: Clock, brokerPorts: readonly number[], ownPrefix: string, self?: Self) {
    this.clock = clock;
    this.brokerPorts = brokerPorts;
    this.ownPrefix = ownPrefix;
    this.self = self;
  }

  /** Gives an id a speaking placeholder, whenever it appears. */
  learn(id: string | number, placeholder: string): void {
    this.placeholders.set(String(id), `<${placeholder}>`);
  }

  /** Has a name shown as another one. */
  rename(name: string, as: string): void {
    this.renamed.set(name, as);
  }

  /** @param api the name of the API, which says which arrays are keyed */
  normalise(api: string, response: unknown): Json {
    return this.value(api, '', response);
  }

  /** A message as a reader wants it, with the placeholders that there are; arrays stay arrays. */
  show(message: unknown): Json {
    this.onlyShows = true;
    try {
      return this.value('', '', message);
    } finally {
      this.onlyShows = false;
    }
  }

  private value(path: string, field: string, value: unknown): Json {
    if (value instanceof Uint8Array) return this.bytes(path, field, value);
    if (Array.isArray(value)) return this.array(path, field, value);
    if (typeof value === 'object' && value !== null) return this.object(path, value as Record<string, unknown>);
    if (typeof value === 'string') return this.text(field, value);
    if (typeof value === 'number') return this.number(field, value);
    return value === null || typeof value === 'boolean' ? value : String(value);
  }

  private object(path: string, object: Record<string, unknown>): Json {
    const entries = Object.entries(object).map(([name, inner]) => [name, this.value(`${path}.${name}`, name, inner)] as const);
    const normal = Object.fromEntries(entries);
    // Where a broker runs is not what it does.
    if ('value' in normal && 'name' in normal && OWN_CONFIGS.has(String(normal.name)) && normal.value !== null) {
      normal.value = '<own>';
      if (Array.isArray(normal.synonyms)) {
        normal.synonyms = normal.synonyms.map((synonym) => ({ ...(synonym as { [key: string]: Json }), value: '<own>' }));
      }
    }
    return normal;
  }

  private array(path: string, field: string, array: readonly unknown[]): Json {
    const keys = KEYED_ARRAYS[path];
    if (!keys) return sorted(array, SORTED_ARRAYS[path]).map((element) => this.value(path, field, element));
    const keyed: { [key: string]: Json } = {};
    const ordered = array
      .map((element) => ({
        element,
        key: keys
          .map((name) => this.keyPart(element as Record<string, unknown>, name))
          .join(' ')
          .trim(),
      }))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    for (const { element } of ordered) {
      const normal = this.value(path, field, element);
      // Once more: ids that were new have their placeholders now.
      const key =
        keys
          .map((name) => this.keyPart(element as Record<string, unknown>, name))
          .join(' ')
          .trim() || '(no name)';
      let free = key;
      for (let n = 2; free in keyed; n++) free = `${key} #${n}`;
      keyed[free] = normal;
    }
    return keyed;
  }

  /** A part of an array element's key, with the placeholders given so far. */
  private keyPart(element: Record<string, unknown>, name: string): string {
    const part = element[name];
    if (part === null || part === undefined || part === ZERO_UUID) return '';
    if (name === 'producerId') return this.placeholders.get(`producer id ${part}`) ?? String(part);
    if (typeof part !== 'string') return String(part);
    const text = (this.renamed.get(part) ?? part).replaceAll(this.ownPrefix, '~');
    if (name === 'topicId') return this.placeholders.get(text) ?? '<topic id>';
    return this.placeholders.get(text) ?? text.replace(UUID_IN_TEXT, (uuid) => this.placeholders.get(uuid) ?? uuid);
  }

  private bytes(path: string, field: string, bytes: Uint8Array): Json {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (field !== 'records') return buffer.toString('hex');
    return batchViews(buffer).map((view) => {
      if (typeof view === 'string') return view;
      return this.value(`${path}.batch`, 'batch', view);
    });
  }

  private text(field: string, given: string): Json {
    const text = this.renamed.get(given) ?? given;
    // A cluster's id is random; null, or an id of another shape, stays visible.
    if (field === 'clusterId' && /^[\w-]{22}$/.test(text)) return '<cluster id>';
    // Topic ids are random: those of a scenario's topics are learned, of the others only that there is one is told. The zero id means "none".
    if (field === 'topicId' && text !== ZERO_UUID) return this.placeholders.get(text) ?? '<topic id>';
    if (this.self && field === 'host' && text === this.self.host) return RECORDED_HOST;
    if (this.self && field === 'rack' && text === this.self.rack) return null;
    // Each broker has its own data directory.
    if (field === 'logDir' && text.startsWith('/')) return '<own>';
    // Times in messages about timestamps, as far as the broker computed them from its clock.
    const timeless = WORDING_FIELDS.has(field) ? text.replace(/-?\b\d{13,19}\b/g, '<ms>') : text;
    // Member ids end in a random uuid; messages name them.
    return timeless
      .replaceAll(this.ownPrefix, '~')
      .replace(UUID_IN_TEXT, (uuid) => this.placeholderOf('uuid', uuid))
      .replace(/:(\d+)\b/g, (whole, port) => (this.brokerPorts.includes(Number(port)) ? `:${this.portOf(Number(port))}` : whole));
  }

  private number(field: string, value: number): Json {
    switch (field) {
      case 'port': // Each broker has its own; one that is no broker's stays visible.
        return this.brokerPorts.includes(value) ? this.portOf(value) : value;
      case 'producerId': // Handed out in blocks, so the first one differs.
        return value >= 0 ? this.placeholderOf('producer id', String(value)) : value;
      case 'sessionId': // Random; 0 means that there is no session.
        return value > 0 ? this.placeholderOf('session id', String(value)) : value;
      case 'finalizedFeaturesEpoch': // A log's offset in one broker, a store's revision in the other. Below 0: features are unknown.
        return value >= 0 ? '<epoch>' : value;
      case 'totalBytes':
      case 'usableBytes': // Of the volume; below 0: not known.
        return value >= 0 ? '<bytes>' : value;
      case 'logAppendTimeMs':
      case 'maxTimestamp':
      case 'baseTimestamp':
      case 'lastTimestamp':
      case 'transactionStartTimeMs':
      case 'timestamp': // The broker's clock. Scenarios send timestamps that are years old, so that they stay visible.
        return Math.abs(value - this.clock.now()) < NOW_WITHIN_MS ? '<now>' : value;
      default:
        return value;
    }
  }

  private portOf(port: number): string {
    const at = this.brokerPorts.indexOf(port);
    return at === 0 ? '<port>' : `<port ${at + 1}>`;
  }

  private placeholderOf(kind: string, id: string): string {
    const known = this.placeholders.get(id) ?? this.placeholders.get(`${kind} ${id}`);
    if (known) return known;
    if (this.onlyShows) return `<${kind}>`;
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    const placeholder = `<${kind} ${count}>`;
    // Numbers are told apart by what they count: a producer id may be a session id, too.
    this.placeholders.set(kind === 'uuid' ? id : `${kind} ${id}`, placeholder);
    return placeholder;
  }
}

function sorted(array: readonly unknown[], by: string | undefined): readonly unknown[] {
  if (by === undefined) return array;
  return array.toSorted((a, b) => Number((a as Record<string, unknown>)[by]) - Number((b as Record<string, unknown>)[by]));
}
