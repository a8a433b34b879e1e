import { outOfRange } from './log-errors.ts';
import { LogQuestions } from './log-questions.ts';
import { type ReadDone, type ReadPlan, readChunk } from './log-reader.ts';
import type { LogContext } from './log-types.ts';

/** The reading half of a log. */
export abstract class LogReading extends LogQuestions {
  protected abstract readonly name: string;
  protected abstract readonly context: LogContext;
  /** Counts truncations and deletions of segments: a read that one of them overtook is done again. */
  protected truncations = 0;
  protected abstract storageError(error: unknown): Error;

  /**
   * Reads whole batches from the one that contains `fromOffset` on, about `maxBytes`, from one segment, nothing that reaches beyond
   * `upToOffset` or the end of the log. With `minOneBatch` the first batch comes even when it is larger. Null: nothing to read there.
   *
   * `done` may be called before this returns (small and recent reads are synchronous). Errors: OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR,
   * CORRUPT_MESSAGE.
   */
  read(fromOffset: number, maxBytes: number, upToOffset: number, minOneBatch: boolean, done: ReadDone): void {
    const { truncations } = this;
    let plan: ReadPlan | null;
    try {
      plan = this.planRead(fromOffset, maxBytes, upToOffset, minOneBatch);
    } catch (error) {
      done(this.storageError(error), null);
      return;
    }
    if (!plan) done(null, null);
    else
      readChunk(plan, this.context.pool, (error, chunk) => {
        if (truncations === this.truncations) return done(error && this.storageError(error), chunk);
        chunk?.release();
        this.read(fromOffset, maxBytes, upToOffset, minOneBatch, done);
      });
  }

  private planRead(fromOffset: number, maxBytes: number, upToOffset: number, minOneBatch: boolean): ReadPlan | null {
    const { segments } = this.open();
    if (fromOffset < this.logStartOffset || fromOffset > this.logEndOffset)
      throw outOfRange(this.name, fromOffset, this.logStartOffset, this.logEndOffset);
    const limit = Math.min(upToOffset, this.logEndOffset);
    if (fromOffset >= limit) return null;
    const at = segments.locate(fromOffset);
    return at && { ...at, endOffset: Math.min(at.endOffset, this.logEndOffset), fromOffset, maxBytes, upToOffset: limit, minOneBatch };
  }
}
