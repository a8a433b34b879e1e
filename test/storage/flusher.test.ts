import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import type { Files } from '../../src/core/files.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { Flusher, SyncError } from '../../src/storage/flusher.ts';
import { HandleCache } from '../../src/storage/handle-cache.ts';
import { Segment } from '../../src/storage/segment.ts';
import { SegmentList } from '../../src/storage/segment-list.ts';
import { SyncSlots } from '../../src/storage/sync-slots.ts';

/** A log without records whose names are not durable, and a flush of it that waits for the disk to sync them. */
async function flushing() {
  const clock = fakeClock();
  const disk = memoryFiles({ clock });
  disk.makeDirectory('/data/old');
  disk.makeDirectory('/data/new');
  disk.syncDirectory('/');
  const waiting: (() => void)[] = [];
  const files: Files = Object.assign(Object.create(disk) as Files, {
    syncDirectoryLater: (path: string, done: (error: Error | null) => void) => {
      waiting.push(() => disk.syncDirectoryLater(path, done));
    },
  });
  const segments = new SegmentList([new Segment(new HandleCache(disk, 4), '/data/old', 0, null, clock.now())]);
  const flusher = new Flusher(files, new SyncSlots(1), '/data/old');
  flusher.folderCreated();
  const flush = () => {
    const result: { error?: Error | null } = {};
    flusher.flush(segments, 0, (error) => {
      result.error = error;
    });
    return result;
  };
  /** The disk does what it is asked for, until there is no more of it. */
  const goOn = async () => {
    await clock.advance(0);
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      next();
      await clock.advance(0);
    }
  };
  const first = flush();
  await clock.advance(0);
  expect(waiting.length).toBe(1);
  return { disk, flusher, flush, first, goOn };
}

test('a log that moves while the names in its old folder are synced has lost nothing with that folder', async () => {
  const { disk, first, flusher, goOn } = await flushing();
  disk.remove('/data/old');
  flusher.movedTo('/data/new', 0);
  await goOn();
  expect(first.error).toBe(null);
});

test('a folder that is gone under its log is a failed sync', async () => {
  const { disk, first, goOn } = await flushing();
  disk.remove('/data/old');
  await goOn();
  expect(first.error).toBeInstanceOf(SyncError);
});

test('names that could not be synced for want of a handle are synced the next time', async () => {
  const { disk, first, flush, goOn } = await flushing();
  disk.failNext('sync', 'EMFILE', { path: '/data' });
  await goOn();
  expect(first.error).toMatchObject({ code: 'EMFILE' });
  const again = flush();
  await goOn();
  expect(again.error).toBe(null);
  disk.crash();
  expect(disk.isDirectory('/data/old')).toBe(true);
});

test('after a failed sync none is tried again, also for those who asked meanwhile', async () => {
  const { disk, first, flush, goOn } = await flushing();
  const second = flush();
  disk.failNext('sync', 'EIO', { path: '/data' });
  await goOn();
  const third = flush();
  await goOn();
  for (const { error } of [first, second, third]) expect(error).toBeInstanceOf(SyncError);
});
