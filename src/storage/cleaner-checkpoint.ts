import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import { type Checkpoint, offsetsText, readCheckpoint } from './checkpoints.ts';
import { writeSmallFile } from './partition-folder.ts';

const NAME = 'cleaner-offset-checkpoint';

/**
 * Kafka's cleaner-offset-checkpoint of a data directory: up to where each log has been compacted, by the name of its folder. An older one, or none,
 * only means work that is done again, so it is written without a sync; but it must not hide what came where it says that all is compacted.
 */
export class CleanerCheckpoint {
  private readonly files: Files;
  private readonly directory: string;
  private readonly offsets: Checkpoint;
  private isWritten = true;

  constructor(files: Files, directory: string) {
    this.files = files;
    this.directory = directory;
    this.offsets = readCheckpoint(files, directory, NAME);
  }

  /** Where what is not compacted begins; -1: nothing is known to be compacted. */
  offsetOf(folder: string): number {
    return this.offsets.get(folder) ?? -1;
  }

  /** Everything before `offset` has been compacted. Less than before: the log was cut, see `trim`. */
  compactedTo(folder: string, offset: number): void {
    const before = this.offsets.get(folder) ?? -1;
    if (offset < before) this.trim(folder, offset);
    if (offset <= before) return;
    this.offsets.set(folder, offset);
    this.isWritten = false;
    try {
      writeSmallFile(this.files, join(this.directory, NAME), offsetsText(this.offsets));
      this.isWritten = true;
    } catch {
      // The disk is full, or worse: the log is compacted all the same, and the next checkpoint says so.
    }
  }

  /** A log ends at `endOffset` now; what is written there again is not compacted. */
  trim(folder: string, endOffset: number): void {
    const offset = this.offsets.get(folder);
    if (offset === undefined || offset <= endOffset) return;
    if (endOffset > 0) this.offsets.set(folder, endOffset);
    else this.offsets.delete(folder);
    this.isWritten = false;
    this.write();
  }

  /** The log is gone, and another may get its name: `write` must come before that. True: it is of use. */
  forget(folder: string): boolean {
    const wasKnown = this.offsets.delete(folder);
    if (wasKnown) this.isWritten = false;
    return wasKnown;
  }

  /** Makes it durable, if it is not written yet. */
  write(): void {
    if (this.isWritten) return;
    this.files.replace(join(this.directory, NAME), offsetsText(this.offsets));
    this.isWritten = true;
  }
}
