import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { LogAppending } from './log-appending.ts';
import type { Done } from './log-types.ts';
import type { OpenedLog } from './open-log.ts';
import { syncFolder } from './partition-folder.ts';

/** How a log that stops leading comes to rest, and loses what its new leader does not have. */
export abstract class LogCutting extends LogAppending {
  /**
   * Fails with `error` what was queued and is not in flight, and calls back (never with an error) once the write in flight has finished:
   * before the log changes roles. Whoever calls it sees to it that nothing is appended meanwhile.
   */
  drain(error: KafkaError, done: Done): void {
    this.failWaiting(error);
    this.opened?.producers.endVerifications();
    this.whenWritten(() => done(null));
  }

  /**
   * Cuts the log so that it ends at `offset`, or at the start of the batch that contains it, and makes that durable. What was queued
   * and not yet in flight fails with NOT_LEADER_OR_FOLLOWER: only a log that stopped leading is truncated. Leader epochs that began at its
   * end, or behind it, are forgotten, also when it holds nothing behind `offset`.
   */
  truncateTo(offset: number, done: Done): void {
    this.change(done, (opened) => {
      if (offset < this.endOffset) this.cut(opened, offset);
      else if (opened.epochs.truncateEnd(this.endOffset) && this.hasFolder) syncFolder(this.context.cache.files, this.folder);
    });
  }

  /** Drops all that the log holds; it goes on at `offset`, and that is durable. For the rest see `truncateTo`. */
  restartAt(offset: number, done: Done): void {
    this.change(done, (opened) => {
      this.wipe(opened, offset);
      this.startOffset = offset;
      this.endOffset = offset;
      this.commitTo(offset);
    });
  }

  private change(done: Done, act: (opened: OpenedLog) => void): void {
    this.failWaiting(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
    this.whenWritten(() => {
      try {
        act(this.open());
        if (this.hasFolder) this.location.takenBack();
      } catch (error) {
        return done(this.offline ?? this.goOffline(error)); // half of it may have happened, and be durable or not
      }
      done(null);
    });
  }

  private whenWritten(act: () => void): void {
    if (safetyRules.followerWaitsForWrite) this.queue.whenIdle(act);
    else act();
  }

  private cut(opened: OpenedLog, offset: number): void {
    const { segments, epochs, producers } = opened;
    const target = Math.max(offset, 0);
    if (target <= this.startOffset) {
      this.wipe(opened, target);
      this.startOffset = target;
      this.endOffset = target;
    } else {
      this.stopCompaction();
      const { endOffset, recordsEnd } = segments.endCutAt(target);
      this.promiseLess(recordsEnd); // in a gap of compaction nothing tells half of a batch that was cut off from one that was durable
      this.truncations++;
      segments.truncateTo(target, endOffset);
      this.endOffset = endOffset;
      this.startOffset = Math.min(this.startOffset, this.endOffset); // it may be inside the batch that was cut off
      // Else a batch that was cut off would count as written. From the first segment on: what is before the log start counts for producers.
      producers.reload(segments, segments.all[0]!.baseOffset, this.endOffset, Math.min(this.highWatermark, this.endOffset));
      this.flusher.truncated(segments.active, this.endOffset);
      this.nextOffset = this.endOffset;
      this.nextPosition = segments.active.size;
      epochs.truncateEnd(this.endOffset);
      if (segments.active.readNextOffset() < this.endOffset) this.markEnd(opened);
      if (this.hasFolder) syncFolder(this.context.cache.files, this.folder);
    }
    this.commitTo(Math.min(this.highWatermark, this.endOffset));
  }

  /** The end is in a gap that compaction left: only the file of a segment, be it empty, says that the log goes on there after the next start. */
  private markEnd(opened: OpenedLog): void {
    opened.segments.active.seal();
    this.roll(opened).log.handle();
    opened.segments.pinned = opened.segments.active;
    this.flusher.flushSync(opened.segments, this.endOffset);
    this.location.madeDurable(this.endOffset);
  }
}
