import { join } from 'node:path';
import { BATCH_HEADER_BYTES } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { HandleCache } from './handle-cache.ts';
import { baseOffsetOf, CLEANED, DELETED, SWAP, segmentFile } from './segment.ts';

const PARTS = ['index', 'timeindex', 'txnindex', 'log'];

/**
 * Brings a log's folder in order after a crash, and gives the names that are left in it: removes what was to be deleted and what compaction
 * had not finished. A whole compacted segment (`.log.swap`) takes the place of those that it was made from, as far as they are still there.
 */
export function settleFiles({ files }: HandleCache, folder: string): string[] {
  const names = files.list(folder);
  for (const name of names) if (name.endsWith(DELETED) || name.endsWith(CLEANED)) files.remove(join(folder, name));
  const swaps = names.filter((name) => name.endsWith(SWAP));
  if (swaps.length === 0) return names.filter((name) => !name.endsWith(DELETED) && !name.endsWith(CLEANED));
  for (const name of swaps) {
    const base = baseOffsetOf(name.slice(0, -SWAP.length));
    if (base === null) continue;
    const end = endOfLog(files, join(folder, name), base);
    for (const other of names.map(baseOffsetOf)) {
      if (other === null || other < base || (other >= end && other !== base)) continue;
      for (const part of PARTS) files.remove(join(folder, segmentFile(other, part)));
    }
    files.syncDirectory(folder);
    for (const part of PARTS) {
      const path = join(folder, segmentFile(base, part));
      if (files.exists(path + SWAP)) files.rename(path + SWAP, path);
    }
  }
  for (const name of swaps) files.remove(join(folder, name)); // indexes whose .log never got so far
  files.syncDirectory(folder);
  return files.list(folder);
}

/** Offset behind the last batch of a .log; its base offset when there is none. */
function endOfLog(files: HandleCache['files'], path: string, base: number): number {
  const handle = files.open(path, 'r');
  try {
    let end = base;
    const size = handle.size();
    if (size >= BATCH_HEADER_BYTES) {
      scanHeaders(handle, 0, size, ({ nextOffset }) => {
        end = nextOffset;
        return false;
      });
    }
    return end;
  } finally {
    handle.close();
  }
}
