import { createHash } from 'node:crypto';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { recordBytes, walkRecords } from '../../src/protocol/records/walk.ts';
import type { Struct } from '../support/interpreter.ts';
import { RawClient } from '../support/raw-client.ts';

export interface PartitionContent {
  readonly partition: string;
  readonly batches: number;
  readonly records: number;
  readonly endOffset: number;
  /** Of the bytes of these batches. */
  readonly digest: string;
  /** What could not be read; null when all could. */
  readonly damage: string | null;
}

async function connected<T>(port: number, use: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await RawClient.connect(tcpTransport, '127.0.0.1', port);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Of those of the topics that are there. */
export function topicIdsOf(port: number, names: readonly string[]): Promise<string[]> {
  return connected(port, async (client) => {
    const { topics } = (await client.call('Metadata', 12, { topics: null })) as { topics: { name: string; topicId: string }[] };
    return topics.filter(({ name }) => names.includes(name)).map(({ topicId }) => topicId);
  });
}

/**
 * Reads every partition of every topic from its start to its end. `asFarAs`: what an earlier reading has returned; each partition that it
 * has is read to where it ended then.
 */
export function readAll(port: number, asFarAs: readonly PartitionContent[] = []): Promise<PartitionContent[]> {
  const ends = new Map(asFarAs.map(({ partition, endOffset }) => [partition, endOffset]));
  return connected(port, async (client) => {
    const { topics } = (await client.call('Metadata', 12, { topics: null })) as {
      topics: { name: string; partitions: { partitionIndex: number }[] }[];
    };
    const contents: PartitionContent[] = [];
    for (const { name, partitions } of topics.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      for (const { partitionIndex } of partitions.sort((a, b) => a.partitionIndex - b.partitionIndex)) {
        contents.push(await readPartition(client, name, partitionIndex, ends));
      }
    }
    return contents;
  });
}

async function readPartition(
  client: RawClient,
  topic: string,
  index: number,
  ends: ReadonlyMap<string, number>,
): Promise<PartitionContent> {
  const partition = `${topic}-${index}`;
  const offsetAt = async (timestamp: number) => {
    const answer = await client.call('ListOffsets', 4, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: index, currentLeaderEpoch: -1, timestamp }] }],
    });
    return (answer.topics as { partitions: { errorCode: number; offset: number }[] }[])[0]!.partitions[0]!.offset;
  };
  const hash = createHash('sha256');
  let [offset, endOffset, batches, records] = [await offsetAt(-2), await offsetAt(-1), 0, 0];
  endOffset = Math.min(endOffset, ends.get(partition) ?? endOffset);
  let damage: string | null = offset < 0 || endOffset < 0 ? 'its offsets cannot be asked for' : null;
  while (offset < endOffset && damage === null) {
    const bytes = await fetched(client, topic, index, offset);
    const before = offset;
    if (!(bytes instanceof Uint8Array)) damage = `at offset ${offset}: ${bytes}`;
    else {
      for (const batch = new BatchView(bytes); batch.isWhole() && offset < endOffset && damage === null; batch.next()) {
        hash.update(batch.slice());
        damage = damageOf(batch);
        batches++;
        records += batch.count;
        offset = batch.baseOffset + batch.lastOffsetDelta + 1;
      }
    }
    if (offset <= before) damage ??= `nothing can be read at offset ${before} of ${endOffset}`;
  }
  return { partition, batches, records, endOffset, digest: hash.digest('hex'), damage };
}

async function fetched(client: RawClient, topic: string, partition: number, fetchOffset: number): Promise<Uint8Array | string> {
  const partitions = [{ partition, currentLeaderEpoch: -1, fetchOffset, logStartOffset: -1, partitionMaxBytes: 4 << 20 }];
  const body: Struct = { replicaId: -1, maxWaitMs: 100, minBytes: 1, maxBytes: 8 << 20, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 };
  const answer = await client.call('Fetch', 11, { ...body, topics: [{ topic, partitions }], forgottenTopicsData: [], rackId: '' });
  const [read] = (answer.responses as { partitions: { errorCode: number; records: Uint8Array | null }[] }[])[0]!.partitions;
  return read!.errorCode === 0 ? (read!.records ?? new Uint8Array(0)) : `error ${read!.errorCode}`;
}

function damageOf(batch: BatchView): string | null {
  const where = `batch at ${batch.baseOffset}`;
  if (!batch.crcMatches()) return `${where}: CRC`;
  try {
    walkRecords(batch, recordBytes(batch), true); // fuzzed configs let the cleaner take records out
    return null;
  } catch (error) {
    return `${where}: ${String(error)}`;
  }
}
