import { join } from 'node:path';
import type { FileHandle, Files } from '../../core/files.ts';
import { LEADER_EPOCH_FILE } from '../../storage/partition-folder.ts';
import { decodeSnapshot, snapshotOffsetOf } from '../../storage/producer-snapshot.ts';
import { segmentFile } from '../../storage/segment.ts';
import { codeOf, messageOf } from '../errors.ts';
import { MAX_SNAPSHOT_BYTES } from './dump-entries.ts';
import { readText } from './dump-text.ts';
import { type EntryLayouts, EntryReader } from './entry-files.ts';
import { EpochCheck } from './epoch-check.ts';
import type { DataDirectoryFacts, FoundLog } from './find-logs.ts';
import type { Findings } from './findings.ts';
import { OffsetIndexCheck, TimeIndexCheck } from './index-checks.ts';
import { scanLog } from './log-scan.ts';
import { type PartitionOffsets, SegmentCheck } from './segment-check.ts';

export interface PartitionCheckOptions {
  readonly files: Files;
  readonly layouts: EntryLayouts;
  readonly findings: Findings;
  /** null: the log lies in no data directory. */
  readonly directory: DataDirectoryFacts | null;
  readonly deep: boolean;
  progress(bytes: number): void;
}

export interface CheckedPartition {
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
}

/** Judges the files of one partition. What is wrong with them goes to `findings`; nothing is thrown for it. */
export async function verifyPartition(log: FoundLog, options: PartitionCheckOptions): Promise<CheckedPartition> {
  const { directory, files, findings } = options;
  const mayBeInUse = directory?.mayBeInUse ?? false;
  const epochPath = join(log.folder, LEADER_EPOCH_FILE);
  const epochContent = opened(files, epochPath, findings, readText) ?? null;
  if (!log.names.includes(LEADER_EPOCH_FILE) && log.baseOffsets.length > 0 && !mayBeInUse) {
    findings.note(epochPath, null, 'missing: the next start reads the log to learn the leader epochs');
  }
  const epochs = new EpochCheck(epochPath, epochContent, findings, mayBeInUse);
  const first = log.baseOffsets[0] ?? 0;
  const offsets: PartitionOffsets = {
    next: first,
    certain: true,
    mayHaveGaps: directory?.isCompacted(log.name) ?? false,
    batches: 0,
    records: 0,
  };
  let wholeBefore = true;
  for (const [i, baseOffset] of log.baseOffsets.entries()) {
    if (wholeBefore && offsets.certain && baseOffset > offsets.next && !offsets.mayHaveGaps) {
      const path = join(log.folder, segmentFile(baseOffset, 'log'));
      findings.damage(path, null, `offsets ${offsets.next}-${baseOffset - 1} are missing before this segment`);
    }
    offsets.next = Math.max(offsets.next, baseOffset);
    wholeBefore = await verifySegment(log, i, offsets, epochs, options);
  }
  const logEndOffset = wholeBefore && offsets.certain ? offsets.next : null;
  if (logEndOffset !== null && log.baseOffsets.length > 0) {
    epochs.finish(logEndOffset);
    checkOffsetsOf(directory, log.name, logEndOffset, findings);
  }
  for (const name of log.names) checkOtherFile(log, name, logEndOffset, mayBeInUse, options);
  findings.endFile();
  return { segments: log.baseOffsets.length, batches: offsets.batches, records: offsets.records };
}

/** Returns whether the whole .log could be read. */
async function verifySegment(
  log: FoundLog,
  i: number,
  offsets: PartitionOffsets,
  epochs: EpochCheck,
  { deep, directory, files, findings, layouts, progress }: PartitionCheckOptions,
): Promise<boolean> {
  const baseOffset = log.baseOffsets[i]!;
  const endOffset = log.baseOffsets[i + 1] ?? Number.POSITIVE_INFINITY;
  const growing = endOffset === Number.POSITIVE_INFINITY && (directory?.mayBeInUse ?? false);
  const pathOf = (suffix: string) => join(log.folder, segmentFile(baseOffset, suffix));
  const handles: FileHandle[] = [];
  const open = (suffix: string): FileHandle | null => {
    const file = openOrSay(files, pathOf(suffix), findings);
    if (file) handles.push(file);
    return file;
  };
  const openIndex = (suffix: string): FileHandle | null => {
    if (log.names.includes(segmentFile(baseOffset, suffix))) return open(suffix);
    if (!growing) findings.note(pathOf(suffix), null, 'missing: the next start builds it from the .log');
    return null;
  };
  try {
    const file = open('log');
    if (!file) return false;
    const offsetIndex = openIndex('index');
    const timeIndex = openIndex('timeindex');
    const check = new SegmentCheck({
      path: pathOf('log'),
      baseOffset,
      endOffset,
      deep,
      findings,
      offsets,
      epochs,
      offsetIndex: offsetIndex && new OffsetIndexCheck(pathOf('index'), offsetIndex, baseOffset, layouts, findings),
      timeIndex: timeIndex && new TimeIndexCheck(pathOf('timeindex'), timeIndex, baseOffset, layouts, findings),
      progress,
    });
    const end = await scanLog(file, check);
    check.finish(end, growing);
    return end.why === null;
  } catch (error) {
    findings.damage(pathOf('log'), null, `cannot be read: ${messageOf(error)}`);
    return false;
  } finally {
    for (const handle of handles) handle.close();
  }
}

/** What the data directory's checkpoints say must lie within the log. */
function checkOffsetsOf(directory: DataDirectoryFacts | null, name: string, logEndOffset: number, findings: Findings): void {
  for (const [file, offsets] of directory?.checkpoints ?? []) {
    const offset = offsets.get(name);
    if (offset === undefined || offset <= logEndOffset) continue;
    findings.damage(join(directory!.path, file), null, `offset ${offset} of ${name} is behind the end of its log, ${logEndOffset}`);
  }
}

function checkOtherFile(
  log: FoundLog,
  name: string,
  logEndOffset: number | null,
  mayBeInUse: boolean,
  options: PartitionCheckOptions,
): void {
  const { files, findings } = options;
  const path = join(log.folder, name);
  const snapshotOffset = snapshotOffsetOf(name);
  if (snapshotOffset !== null) {
    const what = opened(files, path, findings, (file) => wrongSnapshot(file, snapshotOffset, mayBeInUse ? null : logEndOffset));
    if (what) findings.damage(path, null, what);
    return;
  }
  const [, digits, suffix] = /^(\d{20})\.(index|timeindex|txnindex)$/.exec(name) ?? [];
  if (digits === undefined) return;
  if (!log.names.includes(`${digits}.log`)) findings.note(path, null, 'there is no .log that it could belong to');
  else if (suffix === 'txnindex')
    opened(files, path, findings, (file) => checkTransactionIndex(path, file, Number(digits), logEndOffset, options));
}

/** What is wrong with a .snapshot; null: nothing. */
function wrongSnapshot(file: FileHandle, offset: number, logEndOffset: number | null): string | null {
  const size = file.size();
  if (size > MAX_SNAPSHOT_BYTES) return `${size} bytes are too many for a snapshot`;
  const bytes = Buffer.alloc(size);
  file.readSync(bytes, 0);
  const entries = decodeSnapshot(bytes);
  if (!entries) return 'damaged: its CRC, its length or its version is wrong';
  if (logEndOffset !== null && offset > logEndOffset) return `it is of offset ${offset}, behind the end of the log, ${logEndOffset}`;
  for (const [producerId, { batches, transactionFirstOffset }] of entries) {
    const last = Math.max(batches.at(-1)?.lastOffset ?? -1, transactionFirstOffset);
    if (last >= offset) return `producer ${producerId} has offset ${last} in it, which is not before the snapshot's own, ${offset}`;
  }
  return null;
}

function checkTransactionIndex(
  path: string,
  file: FileHandle,
  baseOffset: number,
  logEndOffset: number | null,
  options: PartitionCheckOptions,
): void {
  const { findings, layouts } = options;
  const entries = new EntryReader(file, layouts.transactionIndex);
  let previous = -1;
  for (let entry = entries.peek(); entry; entry = entries.peek()) {
    const { version, firstOffset, lastOffset, lastStableOffset } = entry;
    const position = entries.position;
    const range = `an aborted transaction with offsets ${firstOffset}-${lastOffset}`;
    if (version !== 0) findings.damage(path, position, `an entry of version ${version}, which is not known`);
    else if (firstOffset < 0 || firstOffset > lastOffset) findings.damage(path, position, range);
    else if (lastOffset < baseOffset) findings.damage(path, position, `${range} ends before the segment begins`);
    else if (lastOffset <= previous) findings.damage(path, position, `${range} follows one that ends at ${previous}`);
    else if (logEndOffset !== null && Math.max(lastOffset, lastStableOffset - 1) >= logEndOffset)
      findings.damage(path, position, `${range}, last stable offset ${lastStableOffset}, is behind the end of the log, ${logEndOffset}`);
    else previous = lastOffset;
    entries.skip();
  }
  if (entries.restBytes > 0) findings.damage(path, null, `${entries.restBytes} bytes are no whole entry`);
}

/** Opens a file that was there when its folder was listed; null when it cannot be, which then is said. */
function openOrSay(files: Files, path: string, findings: Findings): FileHandle | null {
  try {
    return files.open(path, 'r');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') findings.note(path, null, 'it was removed meanwhile');
    else findings.damage(path, null, code === 'EACCES' ? 'no permission to read it' : `cannot be read: ${messageOf(error)}`);
    return null;
  }
}

function opened<T>(files: Files, path: string, findings: Findings, use: (file: FileHandle) => T): T | null {
  if (!files.exists(path)) return null;
  const file = openOrSay(files, path, findings);
  if (!file) return null;
  try {
    return use(file);
  } catch (error) {
    findings.damage(path, null, `cannot be read: ${messageOf(error)}`);
    return null;
  } finally {
    file.close();
  }
}
