/** The values in the metadata store: JSON in UTF-8, checked when read. Fields that this version does not know are left out. */

export interface TopicValue {
  readonly topicId: string;
  /** Partitions 0 to n - 1 exist; keys of higher ones belong to a change that is not finished. */
  readonly partitions: number;
}

/** What a replica's records lie on. A new or emptied data directory has a new id; the generation grows when records may have been lost from it. */
export interface DiskId {
  /** directory.id of meta.properties. */
  readonly directoryId: string;
  readonly generation: number;
}

/** The disk of a replica when it was last admitted to the ISR. */
export interface ReplicaDisk extends DiskId {
  readonly id: number;
}

export interface PartitionValue {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  /** In-sync replicas. */
  readonly isr: readonly number[];
  /** KIP-966: eligible leader replicas. */
  readonly elr: readonly number[];
  /** -1: none. */
  readonly leader: number;
  /** The registration under which the leader leads; it leads under no other. */
  readonly leaderBrokerEpoch: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** One for each member of isr and elr (metadata-store rule 5). A member without one, of an older format, is not suspected. */
  readonly disks: readonly ReplicaDisk[];
}

export interface ListenerValue {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: string;
  /** What clients are told, where advertised.listeners says it; peers go to host and port. */
  readonly advertised?: { readonly host: string; readonly port: number };
}

export interface BrokerValue extends DiskId {
  readonly listeners: readonly ListenerValue[];
  readonly rack: string | null;
  /** Where its peers stay connected, to see it die (metadata-store rule 10); null: nowhere. */
  readonly liveness: string | null;
}

export interface KnownBrokerValue extends DiskId {
  readonly rack: string | null;
  /** Those of its last registration, for admins who ask where it was; absent in older formats. */
  readonly listeners?: readonly ListenerValue[];
}

/** The replicas of a broker that are on disks that failed. */
export interface OfflineReplicasValue {
  /** All that it has, and will have. */
  readonly all: boolean;
  /** Topic id -> partitions; empty with `all`. */
  readonly topics: PartitionSets;
  /** Those that may have been on a disk in whose place there is an empty one; absent: there are none. */
  readonly lost?: LostReplicas;
}

/** Topic id -> partitions. */
export type PartitionSets = ReadonlyMap<string, ReadonlySet<number>>;

export interface LostReplicas {
  /** Of the broker, from then on: who was admitted with it, or a later one, has what a member has. */
  readonly generation: number;
  readonly all: boolean;
  readonly topics: PartitionSets;
}

/** Who is the controller, as its leased key says. */
export interface ControllerValue {
  readonly brokerId: number;
  readonly controllerEpoch: number;
}

/** How far a member's log goes that may have lost records, told while its partition has no leader (metadata-store rule 6 iii). */
export interface LogEndValue {
  /** The registration that tells it. */
  readonly brokerEpoch: number;
  /** The partition's leader epoch, which is one without a leader: so nothing is added to the log since. */
  readonly leaderEpoch: number;
  /** Of the last batch; -1: the log is empty. */
  readonly lastEpoch: number;
  readonly logEndOffset: number;
}

/** Two such lists are what a value of the store may have; whoever has more offline replicas than that tells of all. */
const MAX_OFFLINE_BYTES = 30 * 1024;

/** A value in the store that this version cannot read. */
export class BrokenValueError extends Error {
  override name = 'BrokenValueError';
  constructor(key: string, what: string) {
    super(`metadata key ${key}: ${what}`);
  }
}

export function encodeValue(
  value:
    | TopicValue
    | PartitionValue
    | BrokerValue
    | KnownBrokerValue
    | ControllerValue
    | LogEndValue
    | string
    | number
    | Readonly<Record<string, string | number>>,
): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Partitions as ranges: `0-3,7`. What is too large for a value is all. */
export function encodeOffline({ lost, ...offline }: OfflineReplicasValue): Uint8Array {
  const { all, topics } = bounded(offline);
  return Buffer.from(JSON.stringify({ all, topics, ...(lost && { lost: { generation: lost.generation, ...bounded(lost) } }) }));
}

function bounded({ all, topics }: { all: boolean; topics: PartitionSets }): { all: boolean; topics: Record<string, string> } {
  const ranges = Object.fromEntries([...topics].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, partitions]) => [id, rangesOf(partitions)]));
  return all || JSON.stringify(ranges).length > MAX_OFFLINE_BYTES ? { all: true, topics: {} } : { all, topics: ranges };
}

function rangesOf(partitions: ReadonlySet<number>): string {
  const ranges: [number, number][] = [];
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === partition) last[1] = partition;
    else ranges.push([partition, partition]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}

export function parseOffline(key: string, bytes: Uint8Array): OfflineReplicasValue {
  const value = new Fields(key, bytes);
  const lost = value.has('lost') ? value.inner('lost') : undefined;
  return {
    ...replicasIn(key, value),
    ...(lost && { lost: { generation: lost.integer('generation', 0), ...replicasIn(key, lost) } }),
  };
}

function replicasIn(key: string, value: Fields): { all: boolean; topics: PartitionSets } {
  const ranges = value.inner('topics');
  return { all: value.flag('all'), topics: new Map(ranges.names().map((id) => [id, partitionsOf(key, ranges.string(id))])) };
}

function partitionsOf(key: string, ranges: string): ReadonlySet<number> {
  const partitions = new Set<number>();
  for (const range of ranges.split(',')) {
    const match = RANGE.exec(range);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    // Ranges are short, but what they stand for must be bounded too.
    if (!match || to < from || to - from >= MAX_PARTITIONS) throw new BrokenValueError(key, 'must name partitions as 0-3,7');
    for (let partition = from; partition <= to; partition++) partitions.add(partition);
  }
  return partitions;
}

/** In one range. */
const MAX_PARTITIONS = 1_000_000;
const RANGE = /^(\d{1,9})(?:-(\d{1,9}))?$/;

export function parseTopic(key: string, bytes: Uint8Array): TopicValue {
  const value = new Fields(key, bytes);
  return { topicId: value.string('topicId'), partitions: value.integer('partitions', 1) };
}

export function parsePartition(key: string, bytes: Uint8Array): PartitionValue {
  const value = new Fields(key, bytes);
  return {
    replicas: value.brokers('replicas'),
    adding: value.brokers('adding'),
    removing: value.brokers('removing'),
    isr: value.brokers('isr'),
    elr: value.brokers('elr'),
    leader: value.integer('leader', -1),
    leaderBrokerEpoch: value.integer('leaderBrokerEpoch', -1),
    leaderEpoch: value.integer('leaderEpoch', 0),
    partitionEpoch: value.integer('partitionEpoch', 0),
    disks: value.has('disks') ? value.objects('disks').map((disk) => ({ id: disk.integer('id', 0), ...diskOf(disk) })) : [],
  };
}

export function parseBroker(key: string, bytes: Uint8Array): BrokerValue {
  const value = new Fields(key, bytes);
  const liveness = value.has('liveness') ? value.stringOrNull('liveness') : null;
  return { listeners: listenersOf(value), rack: value.stringOrNull('rack'), liveness, ...diskOf(value) };
}

function listenersOf(value: Fields): ListenerValue[] {
  return value.objects('listeners').map((listener) => ({
    name: listener.string('name'),
    host: listener.string('host'),
    port: listener.integer('port', 0),
    securityProtocol: listener.string('securityProtocol'),
    ...(listener.has('advertised') && { advertised: advertisedOf(listener.inner('advertised')) }),
  }));
}

const advertisedOf = (value: Fields) => ({ host: value.string('host'), port: value.integer('port', 0) });

export function parseKnownBroker(key: string, bytes: Uint8Array): KnownBrokerValue {
  const value = new Fields(key, bytes);
  return { rack: value.stringOrNull('rack'), ...(value.has('listeners') && { listeners: listenersOf(value) }), ...diskOf(value) };
}

export function parseController(key: string, bytes: Uint8Array): ControllerValue {
  const value = new Fields(key, bytes);
  return { brokerId: value.integer('brokerId', 0), controllerEpoch: value.integer('controllerEpoch', 0) };
}

export function parseLogEnd(key: string, bytes: Uint8Array): LogEndValue {
  const value = new Fields(key, bytes);
  return {
    brokerEpoch: value.integer('brokerEpoch', 0),
    leaderEpoch: value.integer('leaderEpoch', 0),
    lastEpoch: value.integer('lastEpoch', -1),
    logEndOffset: value.integer('logEndOffset', 0),
  };
}

/** Before there were clusters, values named no generation. */
function diskOf(value: Fields): DiskId {
  return { directoryId: value.string('directoryId'), generation: value.has('generation') ? value.integer('generation', 0) : 0 };
}

export function parseConfigs(key: string, bytes: Uint8Array): ReadonlyMap<string, string> {
  const value = new Fields(key, bytes);
  return new Map(value.names().map((name) => [name, value.string(name)]));
}

/** Finalized feature levels by name. */
export function parseFeatures(key: string, bytes: Uint8Array): ReadonlyMap<string, number> {
  const value = new Fields(key, bytes);
  return new Map(value.names().map((name) => [name, value.integer(name, 0)]));
}

export function parseText(key: string, bytes: Uint8Array): string {
  const value = parseJson(key, bytes);
  if (typeof value !== 'string' || value === '') throw new BrokenValueError(key, 'must be a text');
  return value;
}

export function parseInteger(key: string, bytes: Uint8Array): number {
  const value = parseJson(key, bytes);
  if (!isInteger(value, 0)) throw new BrokenValueError(key, 'must be an integer from 0');
  return value;
}

/** One JSON object, read field by field; every failure names the key and the field. */
class Fields {
  private readonly key: string;
  private readonly object: object;

  constructor(key: string, source: Uint8Array | object) {
    this.key = key;
    const value = source instanceof Uint8Array ? parseJson(key, source) : source;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BrokenValueError(key, 'must be an object');
    this.object = value;
  }

  names(): string[] {
    return Object.keys(this.object);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.object, name);
  }

  string(name: string): string {
    const value = this.get(name);
    if (typeof value !== 'string') throw this.broken(name, 'must be a text');
    return value;
  }

  stringOrNull(name: string): string | null {
    return this.get(name) === null ? null : this.string(name);
  }

  flag(name: string): boolean {
    const value = this.get(name);
    if (typeof value !== 'boolean') throw this.broken(name, 'must be true or false');
    return value;
  }

  integer(name: string, least: number): number {
    const value = this.get(name);
    if (!isInteger(value, least)) throw this.broken(name, `must be an integer from ${least}`);
    return value;
  }

  /** Broker ids. */
  brokers(name: string): number[] {
    return this.list(name).map((value) => {
      if (!isInteger(value, 0)) throw this.broken(name, 'must be a list of broker ids');
      return value;
    });
  }

  inner(name: string): Fields {
    const value = this.get(name);
    if (typeof value !== 'object' || value === null) throw this.broken(name, 'must be an object');
    return new Fields(this.key, value);
  }

  objects(name: string): Fields[] {
    return this.list(name).map((value) => {
      if (typeof value !== 'object' || value === null) throw this.broken(name, 'must be a list of objects');
      return new Fields(this.key, value);
    });
  }

  private get(name: string): unknown {
    return Object.hasOwn(this.object, name) ? Reflect.get(this.object, name) : undefined;
  }

  private list(name: string): unknown[] {
    const value = this.get(name);
    if (!Array.isArray(value)) throw this.broken(name, 'must be a list');
    return value;
  }

  private broken(name: string, what: string): BrokenValueError {
    return new BrokenValueError(this.key, `"${name}" ${what}`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new BrokenValueError(key, 'is not JSON in UTF-8');
  }
}

function isInteger(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}
