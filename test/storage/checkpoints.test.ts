import { expect, test } from 'vitest';
import { checkpointLines } from '../../src/storage/checkpoints.ts';
import { parseLeaderEpochs } from '../../src/storage/leader-epochs.ts';

const WHOLE = '0\n2\n7 100\n9 250\n';

test('what a power failure has left of a checkpoint is no checkpoint, wherever it ends', () => {
  expect(checkpointLines(Buffer.from(WHOLE))).toEqual(['7 100', '9 250']);
  for (let length = 0; length < WHOLE.length; length++) {
    expect(checkpointLines(Buffer.from(WHOLE.slice(0, length))), `the first ${length} bytes`).toBe(null);
    expect(parseLeaderEpochs(Buffer.from(WHOLE.slice(0, length))), `the first ${length} bytes`).toBe(null);
  }
});

test('an empty checkpoint is one', () => {
  expect(checkpointLines(Buffer.from('0\n0\n'))).toEqual([]);
});
