import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BatchView, CONTROL_BIT, eachBatch, TRANSACTIONAL_BIT } from '../../../src/protocol/records/batch.ts';
import { buildBatch } from '../../../src/protocol/records/build.ts';
import { buildEndMarker, endMarkerOf } from '../../../src/protocol/records/end-marker.ts';

/** A segment of Apache Kafka's with three markers; DumpLogSegments.txt beside it says which. */
const segment = readFileSync(new URL('../../cli/kafka-data/orders-0/00000000000000000035.log', import.meta.url));

function batches(): BatchView[] {
  const all: BatchView[] = [];
  for (const batch of eachBatch(segment)) all.push(new BatchView(Buffer.from(batch.slice())));
  return all;
}

test('reads what Apache Kafka wrote, and passes over what is no marker', () => {
  expect(batches().map((batch) => [batch.baseOffset, endMarkerOf(batch)])).toEqual([
    [35, { commits: true, coordinatorEpoch: 0 }],
    [36, null],
    [37, { commits: false, coordinatorEpoch: 0 }],
    [38, null],
    [39, { commits: true, coordinatorEpoch: 0 }],
  ]);
});

test('writes it byte for byte as Apache Kafka does', () => {
  const controls = batches().filter((batch) => batch.isControl);
  expect(controls.length).toBe(3);
  for (const theirs of controls) {
    const { producerId, producerEpoch, maxTimestamp, baseOffset, partitionLeaderEpoch } = theirs;
    const ours = new BatchView(buildEndMarker({ ...endMarkerOf(theirs)!, producerId, producerEpoch }, maxTimestamp));
    ours.setBaseOffset(baseOffset);
    ours.setPartitionLeaderEpoch(partitionLeaderEpoch);
    expect(ours.bytes).toEqual(theirs.bytes);
  }
});

test('a control batch that lost its record in a compaction, or that is of another kind, ends nothing', () => {
  const of = { producerId: 4, producerEpoch: 1 };
  const marker = new BatchView(buildEndMarker({ ...of, commits: true, coordinatorEpoch: 9 }, 5));
  expect(endMarkerOf(marker)).toEqual({ commits: true, coordinatorEpoch: 9 });
  expect(endMarkerOf(new BatchView(buildBatch({ ...of, attributes: CONTROL_BIT | TRANSACTIONAL_BIT, records: [] })))).toBeNull();
  const control = (key: Buffer, value: Buffer) =>
    new BatchView(buildBatch({ ...of, attributes: CONTROL_BIT | TRANSACTIONAL_BIT, records: [{ key, value }] }));
  expect(endMarkerOf(control(Buffer.from([0, 0, 0, 2]), Buffer.alloc(6)))).toBeNull(); // leader change, of KRaft
  expect(endMarkerOf(control(Buffer.from([0, 0, 0]), Buffer.alloc(6)))).toBeNull();
  expect(endMarkerOf(control(Buffer.from([0, 0, 0, 1]), Buffer.alloc(5)))).toBeNull();
});
