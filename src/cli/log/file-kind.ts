import { basename } from 'node:path';
import type { FileHandle } from '../../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../../protocol/records/batch.ts';
import { LEADER_EPOCH_FILE } from '../../storage/partition-folder.ts';
import { MAX_BATCH_BYTES } from './log-scan.ts';

/** What a file of a Kafka data directory is. */
export type FileKind =
  | 'log'
  | 'offsetIndex'
  | 'timeIndex'
  | 'transactionIndex'
  | 'snapshot'
  | 'leaderEpochs'
  | 'offsetCheckpoint'
  | 'properties'
  | 'json';

/** What Kafka puts behind a name: before a removal, and while it compacts. */
const SUFFIX = /\.(deleted|cleaned|swap|tmp)$/;

const BY_EXTENSION: Readonly<Record<string, FileKind>> = {
  log: 'log',
  checkpoint: 'log', // a snapshot of the KRaft metadata log: batches
  index: 'offsetIndex',
  timeindex: 'timeIndex',
  txnindex: 'transactionIndex',
  snapshot: 'snapshot',
  properties: 'properties',
};

const BY_NAME: Readonly<Record<string, FileKind>> = {
  [LEADER_EPOCH_FILE]: 'leaderEpochs',
  'recovery-point-offset-checkpoint': 'offsetCheckpoint',
  'replication-offset-checkpoint': 'offsetCheckpoint',
  'log-start-offset-checkpoint': 'offsetCheckpoint',
  'cleaner-offset-checkpoint': 'offsetCheckpoint',
  'partition.metadata': 'properties',
  '.kafka_cleanshutdown': 'json',
  'quorum-state': 'json',
};

/** By its name, else by what it begins with; null: of no kind that is known here. */
export function fileKind(path: string, file: FileHandle): FileKind | null {
  const name = basename(path).replace(SUFFIX, '');
  return BY_NAME[name] ?? BY_EXTENSION[name.slice(name.lastIndexOf('.') + 1)] ?? kindOfContent(file);
}

function kindOfContent(file: FileHandle): FileKind | null {
  const head = Buffer.alloc(BATCH_HEADER_BYTES);
  const length = file.readSync(head, 0);
  if (length === BATCH_HEADER_BYTES) {
    const { magic, sizeInBytes } = new BatchView(head);
    if (magic === 2 && sizeInBytes >= BATCH_HEADER_BYTES && sizeInBytes <= MAX_BATCH_BYTES) return 'log';
  }
  const text = head.toString('latin1', 0, length);
  if (/^0\n\d+\n(\d+ \d+\n|$)/.test(text)) return 'leaderEpochs';
  if (/^0\n\d+\n[\w.-]+ \d+ \d+\n/.test(text)) return 'offsetCheckpoint';
  if (/^(version: \d|#.*\n|[\w.-]+=)/.test(text)) return 'properties';
  return null;
}

/** Offset in a file's name, by which a segment's files are called; null: it has none. */
export function offsetOfName(path: string): number | null {
  const digits = /^(\d{20})[.-]/.exec(basename(path))?.[1];
  return digits === undefined ? null : Number(digits);
}
