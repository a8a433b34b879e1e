import type { KafkaError } from '../core/errors.ts';
import type { AppendQueue, PendingWrite } from './append-queue.ts';
import { type Flushable, NEVER } from './flush-scheduler.ts';
import { SyncError } from './flusher.ts';
import { LogTrimming } from './log-trimming.ts';
import type { Done } from './log-types.ts';
import type { OpenedLog } from './open-log.ts';
import { isOutOfHandles } from './shortage.ts';

/** After this long the indexes of records that flush.messages made durable follow, and with them the recovery point. */
const INDEXES_FOLLOW_MS = 60_000;
/** What waits for a sync for which no file could be opened waits longer. */
const RETRY_SYNC_MS = 200;

/**
 * When a log is made durable. flush.messages: the append that brings the number of records that are not durable there is finished, which is
 * acknowledged and readable, when they are; appends behind it wait as well. So with flush.messages=1 nothing that was acknowledged or read
 * is ever lost, and with N at most N - 1 such records. flush.ms bounds how long a record stays without being durable; nobody waits for it.
 */
export abstract class LogFlushing extends LogTrimming implements Flushable {
  protected abstract readonly queue: AppendQueue;
  protected abstract readonly opened: OpenedLog | undefined;
  protected abstract readonly offline: KafkaError | undefined;

  /** Makes everything durable that is in the log when it is called. */
  flush(done: Done): void {
    if (!this.opened || this.offline) done(this.offline ?? null);
    else this.queue.whenIdle(() => this.flushWritten(done));
  }

  /** Finishes what is queued, makes everything durable, and releases the files. The log opens again when it is used again. */
  close(done: Done): void {
    this.queue.whenIdle(() => {
      if (!this.opened || this.offline) return done(this.offline ?? null);
      const { segments, producers } = this.opened;
      try {
        if (this.hasFolder) {
          this.flusher.seal(segments.active);
          producers.snapshot(this.endOffset, segments);
        }
      } catch (error) {
        return done(this.storageError(error));
      }
      this.flush((error) => {
        for (const segment of segments.all) segment.close();
        this.deleted.removeNow();
        done(error);
      });
    });
  }

  flushNow(): void {
    this.flushWritten((error) => {
      if (!error || this.offline) return; // going offline was logged
      this.expectFlush();
    });
  }

  private flushWritten(done: Done): void {
    const { opened, endOffset } = this;
    if (!opened || this.offline || !this.hasFolder) done(this.offline ?? null);
    else this.flusher.flush(opened.segments, endOffset, (error) => done(error && this.flushFailed(error)));
  }

  private flushFailed(error: Error): Error {
    return error instanceof SyncError ? this.goOffline(error) : this.storageError(error);
  }

  /** There may be something that is not durable. */
  protected expectFlush(): void {
    const { flushMs } = this.config;
    if (flushMs < NEVER) this.context.flushes.expect(this, flushMs);
  }

  protected mustSync(write: PendingWrite): boolean {
    return !this.offline && write.lastOffset + 1 - this.flusher.durableTo >= this.config.flushMessages;
  }

  protected syncRecords(endOffset: number, done: Done): void {
    this.flusher.flushRecords(this.opened!.segments, endOffset, (error) => {
      if (error && isOutOfHandles(error) && !this.offline) {
        this.storageError(error);
        this.context.clock.after(RETRY_SYNC_MS, () => (this.offline ? done(this.offline) : this.syncRecords(endOffset, done)));
        return;
      }
      if (error) this.goOffline(error);
      else if (!this.offline) this.context.flushes.expect(this, INDEXES_FOLLOW_MS);
      done(error);
    });
  }
}
