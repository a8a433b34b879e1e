import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PlaceableBroker, placeReplicas } from '../../src/metadata/placement.ts';

const alive = (id: number, rack: string | null = null): PlaceableBroker => ({ id, rack, alive: true });
const fenced = (id: number, rack: string | null = null): PlaceableBroker => ({ id, rack, alive: false });
const count = (ids: Iterable<number>) => {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
};

test('one broker gets everything', () => {
  expect(placeReplicas([alive(7)], { partitions: 3, replicationFactor: 1, start: 40_000 })).toEqual([[7], [7], [7]]);
});

test('partitions go round robin over the brokers', () => {
  const brokers = [alive(3), alive(1), alive(2)];
  expect(placeReplicas(brokers, { partitions: 4, replicationFactor: 2, start: 0 })).toEqual([
    [1, 2],
    [2, 3],
    [3, 1],
    [1, 2],
  ]);
  expect(placeReplicas(brokers, { partitions: 1, replicationFactor: 3, start: 4 })).toEqual([[2, 3, 1]]);
});

test('the replicas of a partition lie in different racks as long as there are some', () => {
  const rackOf = new Map([1, 2, 3, 4, 5, 6].map((id) => [id, `r${id % 3}`]));
  const brokers = [...rackOf].map(([id, rack]) => alive(id, rack));
  const placed = placeReplicas(brokers, { partitions: 60, replicationFactor: 3, start: 5 });
  for (const replicas of placed) expect(new Set(replicas.map((id) => rackOf.get(id))).size).toBe(3);
  expect([...count(placed.map((replicas) => replicas[0]!)).values()]).toEqual([10, 10, 10, 10, 10, 10]);
});

test('a broker that is not alive never leads, and serves only when the others do not suffice', () => {
  const brokers = [alive(1), fenced(2), alive(3)];
  const two = placeReplicas(brokers, { partitions: 6, replicationFactor: 2, start: 0 });
  expect(two.flat()).not.toContain(2);
  const three = placeReplicas(brokers, { partitions: 6, replicationFactor: 3, start: 0 });
  for (const replicas of three) expect(replicas[2]).toBe(2);
  const racks = [fenced(1, 'a'), fenced(2, 'a'), alive(3, 'b')];
  for (const replicas of placeReplicas(racks, { partitions: 4, replicationFactor: 2, start: 0 })) expect(replicas[0]).toBe(3);
});

test('more replicas than brokers, or no broker alive, is refused as Kafka does', () => {
  expect(() => placeReplicas([alive(1)], { partitions: 1, replicationFactor: 3, start: 0 })).toThrow(
    'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered ' +
      'or some brokers have all their log directories cordoned.',
  );
  expect(() => placeReplicas([fenced(1)], { partitions: 1, replicationFactor: 1, start: 0 })).toThrow(
    'Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.',
  );
  expect(() => placeReplicas([], { partitions: 1, replicationFactor: 1, start: 0 })).toThrow(
    expect.objectContaining({ errorName: 'INVALID_REPLICATION_FACTOR' }),
  );
});

test('whatever the cluster looks like: distinct replicas, an alive leader, leaders spread evenly when racks are equal', () => {
  const cluster = fc.record({ racks: fc.integer({ min: 1, max: 4 }), perRack: fc.integer({ min: 1, max: 4 }), dead: fc.nat(3) });
  fc.assert(
    fc.property(cluster, fc.nat(65_535), fc.integer({ min: 1, max: 5 }), ({ racks, perRack, dead }, start, factor) => {
      const total = racks * perRack;
      const brokers = Array.from({ length: total }, (_, i) => ({ id: i, rack: `r${i % racks}`, alive: i >= Math.min(dead, total - 1) }));
      const replicationFactor = Math.min(factor, total);
      const placed = placeReplicas(brokers, { partitions: total * 3, replicationFactor, start });
      for (const replicas of placed) {
        expect(new Set(replicas).size).toBe(replicationFactor);
        expect(brokers[replicas[0]!]!.alive).toBe(true);
      }
      if (dead === 0) expect([...count(placed.map((replicas) => replicas[0]!)).values()]).toEqual(new Array(total).fill(3));
    }),
  );
});
