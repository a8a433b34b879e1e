import { KafkaError } from '../core/errors.ts';
import { BatchView } from '../protocol/records/batch.ts';

/**
 * Whether a follower may append what a leader sent: record batches of magic 2, each whole and as its CRC says, in the order of their offsets
 * and leader epochs. Offsets may be missing between them, where the leader's log was compacted. A last batch that is not whole is left out.
 *
 * @returns the bytes that may be appended; 0 only when there are none at all
 * @throws KafkaError CORRUPT_MESSAGE
 */
export function checkFetched(records: Uint8Array, topicPartition: string): number {
  const batch = new BatchView(records);
  let next = 0;
  let leaderEpoch = -1;
  while (batch.isWhole()) {
    const { baseOffset, lastOffsetDelta, magic, partitionLeaderEpoch } = batch;
    const inOrder = baseOffset >= next && lastOffsetDelta >= 0 && partitionLeaderEpoch >= leaderEpoch;
    if (magic !== 2 || !inOrder || !batch.crcMatches()) throw damaged(topicPartition, `at offset ${baseOffset}`);
    next = baseOffset + lastOffsetDelta + 1;
    leaderEpoch = partitionLeaderEpoch;
    batch.next();
  }
  if (batch.at === 0 && records.byteLength > 0) throw damaged(topicPartition, 'of no whole batch');
  return batch.at;
}

function damaged(topicPartition: string, where: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `The leader of ${topicPartition} sent damaged records ${where}`);
}
