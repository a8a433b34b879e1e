import { expect, test } from 'vitest';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { type ClusterFile, defaultsFor, portOf, rackOf, readClusterFile, writeClusterFile } from '../../src/supervisor/cluster-file.ts';

const FILE: ClusterFile = {
  brokers: 3,
  basePort: 9092,
  host: 'localhost',
  racks: ['a', 'b'],
  overrides: { x: 'y' },
  defaults: defaultsFor(3),
};

test('what is written is read again, and nothing where nothing is', () => {
  const files = memoryFiles();
  files.makeDirectory('/c');
  expect(readClusterFile(files, '/c')).toBeNull();
  writeClusterFile(files, '/c', FILE);
  expect(readClusterFile(files, '/c')).toEqual(FILE);
});

test.each(['', '[]', 'null', '{"brokers":"3"}', JSON.stringify({ ...FILE, racks: [1] }), JSON.stringify({ ...FILE, overrides: { a: 1 } })])(
  'a file with %s is refused by its name',
  (content) => {
    const files = memoryFiles();
    files.makeDirectory('/c');
    files.replace('/c/cluster.json', content);
    expect(() => readClusterFile(files, '/c')).toThrow(/cluster\.json is damaged: correct it, or remove it/);
  },
);

test.each([
  [1, '1', '1'],
  [2, '2', '1'],
  [3, '3', '2'],
  [7, '3', '2'],
])('%i brokers keep %s replicas, of which %s must be in sync', (brokers, replicas, inSync) => {
  expect(defaultsFor(brokers)).toMatchObject({
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'min.insync.replicas': inSync,
  });
});

test('brokers have ports in a row and racks in turn', () => {
  expect([1, 2, 3].map((id) => portOf(FILE, id))).toEqual([9092, 9093, 9094]);
  expect(portOf({ basePort: 0 }, 3)).toBe(0);
  expect([1, 2, 3, 4].map((id) => rackOf(FILE, id))).toEqual(['a', 'b', 'a', 'b']);
  expect(rackOf({ racks: [] }, 1)).toBeNull();
});
