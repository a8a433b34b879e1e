import { asError } from '../core/errors.ts';
import type { CleanedGroup, MappedKeys } from './cleaner/job.ts';
import { type CompactionEvent, type CompactionSession, isGroup } from './cleaner/sessions.ts';
import type { Done } from './log-types.ts';
import { CLEANED, type Segment, SWAP } from './segment.ts';

/** What a compaction has done: of the segments that it went through, before and after. All zero: there was nothing to do. */
export interface CompactionResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Records, those of control batches included. */
  readonly messagesBefore: number;
  readonly messagesAfter: number;
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  /** Where the next one begins: everything before it is compacted. Short of what could be cleaned when the memory for keys was full. */
  readonly firstDirtyOffset: number;
}

export const NOTHING_COMPACTED: CompactionResult = {
  bytesBefore: 0,
  bytesAfter: 0,
  messagesBefore: 0,
  messagesAfter: 0,
  segmentsBefore: 0,
  segmentsAfter: 0,
  firstDirtyOffset: 0,
};

export type CompactionDone = (error: Error | null, result: CompactionResult) => void;

/** The log, as its compaction sees it. */
export interface CompactedLog {
  /** The segment of a group, by the names that it has. */
  open(baseOffset: number, size: number, old: readonly Segment[]): Segment;
  /** Puts it in the place of those that it was made from, whose files are `.deleted` then. */
  replace(old: readonly Segment[], segment: Segment): void;
  /** Makes the names in the folder durable, away from the loop. */
  syncNames(done: Done): void;
  syncNamesNow(): void;
  /** Files may have old names or new ones: nothing can be done with the log before the next start. */
  fail(cause: unknown): Error;
}

/** A segment on its way into the log. */
interface Swap {
  readonly old: readonly Segment[];
  readonly segment: Segment;
  /** `waiting`: it stands for the others once that is durable. `installed`: it is in the log, and they are not. `named`: by its own names. */
  state: 'waiting' | 'installed' | 'named';
}

/**
 * One compaction of a log, from the first group to the last. The cleaner writes segments; this puts them in place, crash-safe as Kafka does it:
 * `.swap` says that the new segment is whole and stands for the old ones; when that is durable, these go, one name after the other; when that
 * is durable, it takes its own name. Nothing of it holds the loop up but the renames. What a crash leaves undone is done when the log is next
 * opened (swap-files.ts).
 */
export class Compaction {
  private readonly log: CompactedLog;
  /** Those that are left to go through. */
  private segments: readonly Segment[];
  private readonly done: CompactionDone;
  private session: CompactionSession | undefined;
  private swap: Swap | undefined;
  private result: CompactionResult = NOTHING_COMPACTED;
  private over = false;
  private whole = false;

  constructor(log: CompactedLog, segments: readonly Segment[], done: CompactionDone) {
    this.log = log;
    this.segments = segments;
    this.done = done;
  }

  get isOver(): boolean {
    return this.over;
  }
  /** What is in place already. */
  get soFar(): CompactionResult {
    return this.result;
  }
  /** It went to the end. */
  get isWhole(): boolean {
    return this.whole;
  }

  run(session: CompactionSession): void {
    this.session = session;
    this.next();
  }

  /** It is given up, and `done` is called; files that are half in place stay so. */
  end(error: Error | null): void {
    if (this.over) return;
    this.over = true;
    this.session?.end();
    this.done(error, this.result);
  }

  /**
   * Before segments are cut or deleted, or the log is closed: takes back a segment that is not in the log yet, which would be there again after
   * a crash, and finishes the names of one that is. At once.
   */
  settle(): void {
    const { swap, log } = this;
    this.swap = undefined;
    if (!swap) return;
    if (swap.state === 'waiting') swap.segment.remove();
    log.syncNamesNow();
    if (swap.state !== 'installed') return;
    swap.segment.changeSuffix(SWAP, '');
    log.syncNamesNow();
  }

  private next(): void {
    this.session!.next((error, event) => {
      if (this.over) return;
      if (error) this.end(error);
      else this.take(event);
    });
  }

  private take(event: CompactionEvent): void {
    if (!event) {
      this.whole = true;
      this.end(null);
    } else if (isGroup(event)) this.takeGroup(event);
    else this.takeKeys(event);
  }

  private takeKeys({ endOffset }: MappedKeys): void {
    this.result = { ...this.result, firstDirtyOffset: endOffset };
    this.next();
  }

  private takeGroup(group: CleanedGroup): void {
    const old = this.segments.slice(0, group.from);
    this.segments = this.segments.slice(group.from);
    const { result } = this;
    this.result = {
      ...result,
      bytesBefore: result.bytesBefore + old.reduce((sum, { size }) => sum + size, 0),
      bytesAfter: result.bytesAfter + group.size,
      messagesBefore: result.messagesBefore + group.messagesBefore,
      messagesAfter: result.messagesAfter + group.messagesAfter,
      segmentsBefore: result.segmentsBefore + group.from,
      segmentsAfter: result.segmentsAfter + 1,
    };
    if (group.changed) this.swapIn(old, group);
    else this.next();
  }

  private swapIn(old: readonly Segment[], { baseOffset, size }: CleanedGroup): void {
    const { log } = this;
    const segment = log.open(baseOffset, size, old);
    try {
      segment.changeSuffix(CLEANED, SWAP);
    } catch (error) {
      discard(segment);
      this.end(asError(error));
      return;
    }
    const swap: Swap = { old, segment, state: 'waiting' };
    this.swap = swap;
    this.afterSync(() => {
      swap.state = 'installed';
      log.replace(old, segment);
      this.afterSync(() => {
        swap.state = 'named';
        segment.changeSuffix(SWAP, '');
        this.afterSync(() => {
          this.swap = undefined;
          this.next();
        });
      });
    });
  }

  private afterSync(act: () => void): void {
    const { log } = this;
    log.syncNames((error) => {
      if (this.over) return;
      try {
        if (error) throw error;
        act();
      } catch (failure) {
        this.end(log.fail(failure));
      }
    });
  }
}

function discard(segment: Segment): void {
  try {
    segment.remove();
  } catch {
    // It goes when the log is next opened, or its next compaction begins.
  }
}
