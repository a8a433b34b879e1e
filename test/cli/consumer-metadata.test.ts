import { expect, test } from 'vitest';
import { decodeAssignment, decodeSubscription } from '../../src/cli/groups/consumer-metadata.ts';
import { encode, type Struct } from '../support/interpreter.ts';
import { kafkaMessages } from '../support/schema-files.ts';

const MESSAGES = kafkaMessages('api');
const VERSIONS = [0, 1, 2, 3];

/** As consumers write it: the version, and the message in it. */
function written(name: string, version: number, value: Struct, said = version): Buffer {
  const prefix = Buffer.alloc(2);
  prefix.writeInt16BE(said);
  return Buffer.concat([prefix, encode(MESSAGES.get(name)!, version, value)]);
}

const assignment = {
  assignedPartitions: [
    { topic: 'orders', partitions: [0, 2] },
    { topic: 'users', partitions: [1] },
  ],
  userData: Buffer.from('x'),
};
const subscription = { topics: ['orders', 'users'], userData: null, ownedPartitions: [], generationId: 4, rackId: 'r' };

test.each(VERSIONS)('assignments and subscriptions of version %i are read', (version) => {
  expect(decodeAssignment(written('ConsumerProtocolAssignment', version, assignment))).toEqual(assignment.assignedPartitions);
  expect(decodeSubscription(written('ConsumerProtocolSubscription', version, subscription))).toEqual(subscription.topics);
});

test('of a version that is not known yet as much is read as of the last one that is', () => {
  const later = Buffer.concat([written('ConsumerProtocolAssignment', 3, assignment, 4), Buffer.from('more')]);
  expect(decodeAssignment(later)).toEqual(assignment.assignedPartitions);
});

test('what is neither is unknown, wherever it ends', () => {
  const whole = written('ConsumerProtocolAssignment', 1, assignment);
  for (let length = 1; length < whole.length; length++) expect(decodeAssignment(whole.subarray(0, length))).toBeNull();
  expect(decodeAssignment(Buffer.from([255, 255, 0, 0, 0, 0]))).toBeNull();
  expect(decodeAssignment(Buffer.from([0, 0, 127, 255, 255, 255]))).toBeNull();
  expect(decodeSubscription(Buffer.from('garbage'))).toBeNull();
});

test('a member without an assignment yet has none', () => {
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
});
