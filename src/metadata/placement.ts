import { KafkaError } from '../core/errors.ts';

export interface PlaceableBroker {
  readonly id: number;
  readonly rack: string | null;
  /** Only an alive broker can be the first replica, the preferred leader. */
  readonly alive: boolean;
}

export interface PlacementRequest {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Where the round robin begins: the number of an existing topic's first new partition, or a random number. */
  readonly start: number;
}

/**
 * The replicas of each new partition, the preferred leader first. As in Kafka, partitions are striped over the racks, and over the brokers
 * in each rack, so that leaders and replicas are spread evenly; brokers that are not alive come last.
 * @throws KafkaError INVALID_REPLICATION_FACTOR
 */
export function placeReplicas(brokers: readonly PlaceableBroker[], request: PlacementRequest): number[][] {
  const { partitions, replicationFactor, start } = request;
  if (!brokers.some((broker) => broker.alive)) {
    throw invalid(replicationFactor, 'All brokers are currently fenced, or have all their log directories cordoned.');
  }
  if (replicationFactor > brokers.length) {
    throw invalid(
      replicationFactor,
      `The target replication factor of ${replicationFactor} cannot be reached because only ${brokers.length} broker(s) are registered or ` +
        'some brokers have all their log directories cordoned.',
    );
  }
  const racks = racksOf(brokers);
  return Array.from({ length: partitions }, (_, i) => placeOne(racks, replicationFactor, start + i));
}

interface Rack {
  readonly alive: readonly number[];
  readonly fenced: readonly number[];
}

function racksOf(brokers: readonly PlaceableBroker[]): Rack[] {
  const byName = new Map<string, PlaceableBroker[]>();
  for (const broker of brokers) {
    const name = broker.rack ?? '';
    byName.set(name, [...(byName.get(name) ?? []), broker]);
  }
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, members]) => {
      const ids = (alive: boolean) =>
        members
          .filter((member) => member.alive === alive)
          .map((member) => member.id)
          .sort((a, b) => a - b);
      return { alive: ids(true), fenced: ids(false) };
    });
}

function placeOne(racks: readonly Rack[], replicationFactor: number, number: number): number[] {
  const ordered = rotate(racks, number);
  while (ordered[0]?.alive.length === 0) ordered.push(ordered.shift()!);
  // Each rack's brokers turn once a round over all racks, and one place further per rack, so that the same brokers do not always stand together.
  const round = Math.floor(number / racks.length);
  const candidates = ordered.map((rack, place) => [...rotate(rack.alive, round + place), ...rotate(rack.fenced, round + place)]);
  const replicas: number[] = [];
  for (let depth = 0; replicas.length < replicationFactor; depth++) {
    for (const rack of candidates) {
      const broker = rack[depth];
      if (broker !== undefined && replicas.length < replicationFactor) replicas.push(broker);
    }
  }
  return replicas;
}

function rotate<T>(list: readonly T[], by: number): T[] {
  const first = list.length > 0 ? by % list.length : 0;
  return [...list.slice(first), ...list.slice(0, first)];
}

function invalid(replicationFactor: number, reason: string): KafkaError {
  return new KafkaError('INVALID_REPLICATION_FACTOR', `Unable to replicate the partition ${replicationFactor} time(s): ${reason}`);
}
