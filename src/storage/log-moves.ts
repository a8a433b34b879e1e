import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { asError, KafkaError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import type { Logger } from '../core/logger.ts';
import { isDiskFailure } from './disk-failure.ts';
import { storageError } from './log-errors.ts';
import { LogMove, SourceError } from './log-move.ts';
import type { LogStore } from './log-store.ts';
import { deletedName, folderName, futureName, syncFolder, writeTopicId } from './partition-folder.ts';
import type { PartitionLog } from './partition-log.ts';

/** Copied at once; the others wait. */
const MAX_RUNNING = 2;

export interface LogMovesOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 32 hexadecimal digits. */
  readonly unique: () => string;
  /** replica.alter.log.dirs.io.max.bytes.per.second; null: as fast as it goes. */
  readonly bytesPerSecond: () => number | null;
}

/** A replica that moves to another directory of this broker. */
interface Moving {
  readonly name: string;
  readonly log: PartitionLog;
  readonly topicId: string;
  readonly source: LogStore;
  readonly target: LogStore;
  readonly unique: string;
  readonly copy: LogMove;
  running: Promise<void> | null;
}

/**
 * Replicas on their way from one directory of this broker to another (KIP-113). A folder `<name>.<unique>-future` in the other directory is the
 * order as well as the copy: after a crash the move begins anew.
 *
 * When the copy is whole and durable: the log's folder is renamed to `<name>.<unique>-delete`, durably, then the copy gets its name. Between the
 * two there is none of that name; at the next start the folder that is to be deleted tells that the copy stands for it (`settle-directories.ts`).
 */
export class LogMoves {
  private readonly options: LogMovesOptions;
  private readonly moving = new Map<string, Moving>();
  private stopped = false;

  constructor(options: LogMovesOptions) {
    this.options = options;
  }

  /** Begins to move a log that is in `source` to `target`; one that moves elsewhere goes there no more. @throws KafkaError KAFKA_STORAGE_ERROR */
  begin(log: PartitionLog, topicId: string, source: LogStore, target: LogStore): void {
    const name = folderName(log);
    if (this.moving.get(name)?.target === target || this.stopped) return;
    this.cancel(name);
    const { files, clock } = this.options;
    const unique = this.options.unique();
    const folder = join(target.path, futureName(name, unique));
    try {
      target.onDisk(() => {
        files.makeDirectory(folder);
        writeTopicId(files, folder, topicId);
        syncFolder(files, folder); // the order outlives whatever comes
      });
    } catch (error) {
      target.discard(futureName(name, unique));
      throw storageError(error, name, this.options.logger);
    }
    const swap = () => this.swap(moving);
    const bytesPerSecond = () => this.bytesPerSecond();
    const copy = new LogMove({ log, files, clock, folder, bytesPerSecond, swap });
    const moving: Moving = { name, log, topicId, source, target, unique, copy, running: null };
    this.moving.set(name, moving);
    this.startSome();
  }

  /** It stays where it is. */
  cancel(name: string): void {
    const moving = this.moving.get(name);
    if (!moving) return;
    this.moving.delete(name);
    moving.copy.stop();
    moving.target.discard(futureName(name, moving.unique));
    this.startSome();
  }

  /** Where a log is on its way to, and how much of it is there. */
  of(name: string): { readonly directory: string; readonly sizeBytes: number; readonly endOffset: number } | null {
    const moving = this.moving.get(name);
    return moving && !moving.target.failure ? { directory: moving.target.path, ...moving.copy.progress } : null;
  }

  /** Everything stands still, to be gone on with at the next start. */
  stop(): Promise<unknown> {
    this.stopped = true;
    const running = [...this.moving.values()].map((moving) => {
      moving.copy.stop();
      return moving.running;
    });
    return Promise.all(running);
  }

  private get running(): number {
    let running = 0;
    for (const moving of this.moving.values()) if (moving.running) running++;
    return running;
  }

  private bytesPerSecond(): number | null {
    const rate = this.options.bytesPerSecond();
    return rate === null ? null : rate / Math.max(this.running, 1);
  }

  private startSome(): void {
    let { running } = this;
    for (const moving of this.moving.values()) {
      if (running >= MAX_RUNNING || this.stopped) return;
      if (moving.running) continue;
      running++;
      moving.running = this.run(moving);
    }
  }

  private async run(moving: Moving): Promise<void> {
    const { name, source, target, copy } = moving;
    const { logger } = this.options;
    const fields = { log: name, from: source.path, to: target.path };
    try {
      const isMoved = await copy.run();
      const { heldMs, progress } = copy;
      if (isMoved)
        logger.info({ ...fields, bytes: progress.sizeBytes, heldMs: Math.round(heldMs) }, 'a replica has moved to another log directory');
      // What ended because its log is offline is gone on with at the next start.
      if (this.moving.get(name) === moving) this.moving.delete(name);
    } catch (error) {
      if (this.moving.get(name) !== moving) return; // it was cancelled, and the folder is gone
      this.moving.delete(name);
      this.failed(moving, error);
      logger.error(
        { ...fields, error: asError(error).message },
        'a replica could not be moved to another log directory: it stays where it is',
      );
    } finally {
      moving.running = null;
      this.startSome();
    }
  }

  private failed({ name, source, target, unique }: Moving, error: unknown): void {
    const cause = error instanceof SourceError ? error.cause : error;
    if (isDiskFailure(cause)) (error instanceof SourceError ? source : target).fail(asError(cause));
    target.discard(futureName(name, unique));
  }

  /** The log is held, its copy whole and all but the names in it durable. */
  private swap(moving: Moving): void {
    const { name, log, topicId, source, target, unique } = moving;
    const { files } = this.options;
    if (this.moving.get(name) !== moving || source.failure || target.failure)
      throw new KafkaError('KAFKA_STORAGE_ERROR', 'The move is over');
    const future = futureName(name, unique);
    const doomed = deletedName(name, unique);
    try {
      target.onDisk(() => {
        syncFolder(files, join(target.path, future));
        target.expect(name, log);
      });
    } catch (error) {
      target.unexpect(name);
      throw error;
    }
    try {
      source.rename(name, doomed);
    } catch (error) {
      target.unexpect(name);
      throw new SourceError(asError(error).message, { cause: error });
    }
    try {
      target.rename(future, name);
    } catch (error) {
      this.takeBack(moving, doomed);
      throw error;
    }
    log.relocate(...target.adopt(log, topicId));
    source.dismiss(name);
    this.options.clock.soon(() => source.removeInTurn(doomed));
  }

  /** Nothing was appended since, so that the log is as good as its copy. */
  private takeBack({ name, source, target }: Moving, doomed: string): void {
    try {
      source.rename(doomed, name);
      target.unexpect(name);
    } catch (error) {
      source.fail(asError(error)); // at the next start the copy stands for it
    }
  }
}
