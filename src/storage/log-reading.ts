import { outOfRange } from './log-errors.ts';
import { LogQuestions } from './log-questions.ts';
import { leavesLoop, type ReadDone, type ReadPlan, readChunk } from './log-reader.ts';
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
    const { readSlots } = this.context;
    const plan = () => this.planRead(fromOffset, maxBytes, upToOffset, minOneBatch);
    const again = () => this.read(fromOffset, maxBytes, upToOffset, minOneBatch, done);
    this.readAs(plan, done, (planned) => {
      if (!leavesLoop(planned)) return this.readPlanned(planned, done, again);
      readSlots.take(() => {
        const finished: ReadDone = (error, chunk) => {
          readSlots.giveBack();
          done(error, chunk);
        };
        // The line may have been long: what was to be read may be gone.
        this.readAs(plan, finished, (current) => {
          this.readPlanned(current, finished, () => {
            readSlots.giveBack();
            again();
          });
        });
      });
    });
  }

  private readAs(plan: () => ReadPlan | null, done: ReadDone, act: (planned: ReadPlan) => void): void {
    let planned: ReadPlan | null;
    try {
      planned = plan();
    } catch (error) {
      done(this.storageError(error), null);
      return;
    }
    if (planned) act(planned);
    else done(null, null);
  }

  private readPlanned(planned: ReadPlan, done: ReadDone, again: () => void): void {
    const { truncations } = this;
    readChunk(planned, this.context.pool, (error, chunk) => {
      if (truncations === this.truncations) return done(error && this.storageError(error), chunk);
      chunk?.release();
      again();
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
