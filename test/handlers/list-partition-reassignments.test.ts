import { expect, test } from 'vitest';
import { listPartitionReassignments } from '../../src/handlers/list-partition-reassignments.ts';
import { sender } from './group-handlers.ts';

test.each([null, [], [{ name: 'orders', partitionIndexes: [0] }]])('no reassignment is under way, asked for %j', async (topics) => {
  const reply = await sender(listPartitionReassignments, {})(0, { topics });
  expect(reply).toEqual({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] });
});
