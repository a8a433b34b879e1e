import { BufferPool } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Files } from '../core/files.ts';
import { type Logger, silentLogger } from '../core/logger.ts';
import { TrustedTime } from '../core/trusted-time.ts';
import { openLogCleaner } from './cleaner/log-cleaner.ts';
import type { CleanerSettings } from './cleaner/settings.ts';
import { FlushScheduler, NEVER } from './flush-scheduler.ts';
import { HandleCache } from './handle-cache.ts';
import type { LogResources } from './log-types.ts';
import { DEFAULT_PRODUCER_LIMITS, type ProducerLimits } from './producer-state.ts';
import { SyncSlots } from './sync-slots.ts';

/** What the logs of one broker share, over all its directories. */
export interface LogResourceOptions {
  /** log.cleaner.*, until they are changed. Default Kafka's. */
  readonly cleaner?: CleanerSettings;
  readonly clock: Clock;
  /** What ages of records are counted by. Default: of its own. */
  readonly trustedTime?: TrustedTime;
  readonly logger?: Logger;
  /** Over all logs. Each active partition uses three. Default 768: most systems allow 1,024 in all. */
  readonly maxOpenFiles?: number;
  /** Idle read buffers. Default 32 MiB. */
  readonly maxPooledBytes?: number;
  /** How long, and how many, idempotent producers are remembered. Default Kafka's. */
  readonly producers?: ProducerLimits;
  /** log.flush.scheduler.interval.ms. Default: as often as flush.ms needs. */
  readonly flushCheckMs?: number;
}

const DEFAULT_MAX_OPEN_FILES = 768;
const DEFAULT_MAX_POOLED_BYTES = 32 * 1024 * 1024;
/** Of the four threads that Node has for files. */
const MAX_SYNCS = 3;
/** Two keep a disk busy; more would stand before the writes of producers, which wait for a thread too. */
const MAX_READS = 2;

export function logResources(files: Files, options: LogResourceOptions): LogResources {
  const { clock, logger = silentLogger, producers = DEFAULT_PRODUCER_LIMITS } = options;
  const cache = new HandleCache(files, options.maxOpenFiles ?? DEFAULT_MAX_OPEN_FILES);
  const pool = new BufferPool(options.maxPooledBytes ?? DEFAULT_MAX_POOLED_BYTES);
  const flushes = new FlushScheduler(clock, options.flushCheckMs ?? NEVER);
  const trustedTime = options.trustedTime ?? new TrustedTime(clock, logger);
  const cleaner = openLogCleaner(files, clock, logger);
  if (options.cleaner) cleaner.settings = options.cleaner;
  const slots = { syncSlots: new SyncSlots(MAX_SYNCS), readSlots: new SyncSlots(MAX_READS) };
  return { cache, clock, trustedTime, pool, logger, producers, flushes, ...slots, cleaner };
}
