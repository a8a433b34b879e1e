import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachBatch } from '../../src/protocol/records/batch.ts';

/** What one replica holds of a partition: the bytes of its batches below an offset, as one hash. */
export interface ReplicaContent {
  readonly hash: string;
  readonly bytes: number;
  readonly endOffset: number;
}

/** Reads the segment files of a replica, whose broker need not run. */
export function replicaContent(brokerDirectory: string, topic: string, partition: number, below: number): ReplicaContent {
  const folder = join(brokerDirectory, `${topic}-${partition}`);
  const hash = createHash('sha256');
  let bytes = 0;
  let endOffset = 0;
  const segments = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();
  for (const name of segments) {
    for (const batch of eachBatch(readFileSync(join(folder, name)))) {
      if (batch.baseOffset >= below) continue;
      hash.update(batch.bytes.subarray(batch.at, batch.at + batch.sizeInBytes));
      bytes += batch.sizeInBytes;
      endOffset = batch.lastOffset + 1;
    }
  }
  return { hash: hash.digest('hex'), bytes, endOffset };
}
