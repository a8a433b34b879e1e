import type { FileHandle } from '../../core/files.ts';
import { type Entry, type EntryLayout, type EntryLayouts, EntryReader } from './entry-files.ts';
import type { Findings } from './findings.ts';

/** What the indexes say of a batch; `sound` is false when its header is not to be believed. */
export interface CheckedBatch {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** null: not known, since the format is an old one. */
  readonly maxTimestamp: number | null;
  readonly sound: boolean;
}

/** How a segment's scan ended, for its indexes. */
export interface IndexEnd {
  /** The whole .log was read; else entries for what lies behind cannot be judged. */
  readonly wholeLog: boolean;
  /** The broker may be writing, so entries may be ahead of what was read. */
  readonly growing: boolean;
}

/** What both indexes are held to: entries that are whole, each judged by a batch of the .log. */
abstract class IndexCheck<Field extends string> {
  protected readonly baseOffset: number;
  protected readonly entries: EntryReader<Field>;
  private readonly path: string;
  private readonly findings: Findings;

  constructor(path: string, file: FileHandle, baseOffset: number, layout: EntryLayout<Field>, findings: Findings) {
    this.path = path;
    this.baseOffset = baseOffset;
    this.findings = findings;
    this.entries = new EntryReader(file, layout);
  }

  protected finishEntries(judgesRest: boolean, growing: boolean, wrong: (entry: Entry<Field>) => string): void {
    const { entries } = this;
    if (judgesRest && !growing) {
      for (let entry = entries.peek(); entry; entry = entries.peek()) {
        this.damage(wrong(entry));
        entries.skip();
      }
    }
    if (entries.restBytes > 0 && !growing) this.findings.damage(this.path, null, `${entries.restBytes} bytes are no whole entry`);
  }

  protected damage(what: string): void {
    this.findings.damage(this.path, this.entries.position, what);
  }
}

/** Holds a .index to the batches of its .log, which come in order: an entry names the last offset of the batch at its position. */
export class OffsetIndexCheck extends IndexCheck<'relativeOffset' | 'position'> {
  private lastPosition = -1;

  constructor(path: string, file: FileHandle, baseOffset: number, layouts: EntryLayouts, findings: Findings) {
    super(path, file, baseOffset, layouts.offsetIndex, findings);
  }

  batch({ position, lastOffset, sound }: CheckedBatch): void {
    const { entries } = this;
    for (let entry = entries.peek(); entry; entry = entries.peek()) {
      if (entry.position === position) {
        const offset = this.baseOffset + entry.relativeOffset;
        if (sound && offset !== lastOffset) {
          this.damage(`it says offset ${offset} for the batch at position ${position} of the .log, whose last offset is ${lastOffset}`);
        }
      } else if (entry.position < position) {
        const isBehind = entry.position > this.lastPosition;
        this.damage(
          isBehind
            ? `no batch begins at position ${entry.position} of the .log, to which it points`
            : `its position ${entry.position} is not above that of the entry before it`,
        );
      } else {
        // One entry far off must not hide the sound ones behind it.
        if (entries.peek(1)?.position !== position) return;
        this.damage(`its position ${entry.position} is above that of the entry behind it`);
        entries.skip();
        continue;
      }
      this.lastPosition = Math.max(this.lastPosition, Math.min(entry.position, position));
      entries.skip();
    }
  }

  finish({ wholeLog, growing }: IndexEnd): void {
    this.finishEntries(wholeLog, growing, (entry) => `it points to position ${entry.position}, where the .log has no batch`);
  }
}

/**
 * Holds a .timeindex to the batches: an entry has the highest timestamp so far and the last offset of the batch that has it; both ascend.
 */
export class TimeIndexCheck extends IndexCheck<'timestamp' | 'relativeOffset'> {
  private highest = -1;
  private lastWasSound = true;
  private lastTimestamp = -1;
  private lastOffset = -1;

  constructor(path: string, file: FileHandle, baseOffset: number, layouts: EntryLayouts, findings: Findings) {
    super(path, file, baseOffset, layouts.timeIndex, findings);
  }

  batch(batch: CheckedBatch): void {
    const { entries } = this;
    for (let entry = entries.peek(); entry; entry = entries.peek()) {
      const offset = this.baseOffset + entry.relativeOffset;
      if (offset > batch.lastOffset) {
        const next = entries.peek(1);
        if (!next || this.baseOffset + next.relativeOffset !== batch.lastOffset || !batch.sound) break;
        this.damage(`its offset ${offset} is above that of the entry behind it`);
      } else {
        const what = this.wrong(entry.timestamp, offset, batch);
        if (what !== null) this.damage(what);
        else {
          this.lastTimestamp = entry.timestamp;
          this.lastOffset = offset;
        }
      }
      entries.skip();
    }
    this.lastWasSound = batch.sound;
    if (batch.sound && batch.maxTimestamp !== null) this.highest = Math.max(this.highest, batch.maxTimestamp);
  }

  finish({ wholeLog, growing }: IndexEnd): void {
    this.finishEntries(
      wholeLog && this.lastWasSound,
      growing,
      (entry) => `its offset ${this.baseOffset + entry.relativeOffset} is behind the last one of the .log`,
    );
  }

  private wrong(timestamp: number, offset: number, { baseOffset, lastOffset, maxTimestamp, sound }: CheckedBatch): string | null {
    if (!sound || maxTimestamp === null) return null;
    if (offset !== lastOffset) {
      if (offset < baseOffset && !this.lastWasSound) return null; // of the batch before, which is damaged
      if (offset <= this.lastOffset) return `its offset ${offset} is not above that of the entry before it`;
      return `no batch of the .log ends at its offset ${offset}`;
    }
    if (timestamp !== maxTimestamp)
      return `its timestamp is ${timestamp}, but the batch that ends at its offset ${offset} has ${maxTimestamp}`;
    if (timestamp < this.highest) return `its timestamp is ${timestamp}, but a batch before its offset ${offset} has ${this.highest}`;
    if (timestamp <= this.lastTimestamp) return `its timestamp ${timestamp} is not above that of the entry before it`;
    return null;
  }
}
