import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Files } from '../../core/files.ts';
import { segmentFile } from '../../storage/segment.ts';
import { CliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { sizeText } from '../size-text.ts';
import { entryLayouts } from './entry-files.ts';
import { checkCheckpoints, type FoundLogs, findLogs } from './find-logs.ts';
import { Findings } from './findings.ts';
import { Progress } from './progress.ts';
import { verifyPartition } from './verify-partition.ts';

export interface VerifyFlags {
  readonly deep?: boolean;
  readonly json?: boolean;
}

export interface VerifySurroundings {
  readonly files: Files;
  readonly clock: Clock;
  readonly out: Output;
  readonly err: Output;
}

/**
 * Checks the logs of a directory and writes what it finds, then a summary. Nothing is locked and nothing is changed.
 * @throws CliError with exit code 1 when there is damage, 2 when there is nothing to check
 */
export async function verify(path: string, flags: VerifyFlags, { files, clock, out, err }: VerifySurroundings): Promise<void> {
  const found = findLogs(files, path);
  const { directory, logs } = found;
  const progress = new Progress(err, clock, totalBytes(files, found));
  const json = flags.json === true;
  const findings = new Findings({ out, json, beforeWrite: () => progress.clear() });
  const startedMs = clock.monotonicMs();
  if (directory?.mayBeInUse) findings.note(directory.path, null, inUse(directory.holder));
  if (directory) checkCheckpoints(files, directory, findings);
  for (const { folder, what } of found.unreadable) findings.damage(folder, null, what);
  const layouts = await entryLayouts();
  const total = { partitions: logs.length, segments: 0, batches: 0, records: 0 };
  for (const log of logs) {
    const options = { files, layouts, findings, directory, deep: flags.deep === true, progress: (bytes: number) => progress.add(bytes) };
    const checked = await verifyPartition(log, options);
    total.segments += checked.segments;
    total.batches += checked.batches;
    total.records += checked.records;
  }
  findings.endFile();
  progress.clear();
  const { damaged, notes } = findings;
  const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
  if (json) out.line(JSON.stringify({ type: 'summary', path, ...total, bytes: progress.bytes, elapsedMs, damaged, notes }));
  else {
    const checked = `${countText(total.partitions, 'partition')}, ${countText(total.segments, 'segment')}, ${countText(total.batches, 'batch')}, ${countText(total.records, 'record')}`;
    const speed = elapsedMs >= 100 && progress.bytes > 1_000_000 ? `, ${(progress.bytes / elapsedMs / 1000).toFixed(0)} MB/s` : '';
    const result = damaged === 0 ? 'no damage' : `damage in ${countText(damaged, 'place')}`;
    out.line(`${checked}, ${sizeText(progress.bytes)} in ${(elapsedMs / 1000).toFixed(1)} s${speed}: ${result}`);
  }
  if (damaged > 0) throw new CliError(`${path} is damaged in ${countText(damaged, 'place')}`);
}

function inUse(holder: string): string {
  const who = holder === '' ? '' : ` by ${holder}`;
  return `it may be in use${who}, or its broker did not end cleanly: what is at the end of a log may be half written`;
}

function totalBytes(files: Files, { logs }: FoundLogs): number {
  let bytes = 0;
  for (const { baseOffsets, folder } of logs) {
    for (const baseOffset of baseOffsets) bytes += sizeOf(files, join(folder, segmentFile(baseOffset, 'log')));
  }
  return bytes;
}

/** 0 of a file that cannot be opened: the check will say so. */
function sizeOf(files: Files, path: string): number {
  try {
    const file = files.open(path, 'r');
    const size = file.size();
    file.close();
    return size;
  } catch {
    return 0;
  }
}

function countText(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : what.endsWith('ch') ? 'es' : 's'}`;
}
