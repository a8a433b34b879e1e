import { join } from 'node:path';
import type { Clock, Timer } from '../core/clock.ts';
import type { Files } from '../core/files.ts';
import type { Logger } from '../core/logger.ts';
import { TrustedTime } from '../core/trusted-time.ts';
import type { Services } from '../handlers/services.ts';
import { isCleanerEnabled } from '../replication/log-config.ts';
import { Retention } from '../replication/retention.ts';
import type { LogDirs } from '../storage/log-dirs.ts';
import { writeSmallFile } from '../storage/partition-folder.ts';

/** Beside meta.properties of the first directory: what TrustedTime should know in the next run. */
const TIME_FILE = 'minikafka.time';
const TIME_KEPT_EVERY_MS = 60_000;

interface TimeKeeping {
  readonly files: Files;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The time by which records have an age, with what is known of the last run. */
export function trustedTimeOf({ files, dataDir, clock, logger }: TimeKeeping): TrustedTime {
  return new TrustedTime(clock, logger, files.read(join(dataDir, TIME_FILE))?.toString('utf8') ?? null);
}

/** Keeps it for the next run, until what this returns is called. */
export function keepTrustedTime(time: TrustedTime, { files, dataDir, clock, logger }: TimeKeeping): () => void {
  // Not synced: after a power failure an older one is as good, and none means that the clock is believed.
  const keep = () => writeSmallFile(files, join(dataDir, TIME_FILE), time.state());
  const failed = (error: unknown) => logger.warn({ err: error }, 'what the clocks say could not be kept for the next run');
  const attempt = () => {
    try {
      keep();
    } catch (error) {
      failed(error);
    }
  };
  attempt();
  const stop = repeat(clock, TIME_KEPT_EVERY_MS, keep, failed);
  return () => {
    stop();
    attempt();
  };
}

/** What a broker does with its logs now and then. Each returns how to stop it. */
export function writeCheckpoints({ clock, config, logger }: Services, logs: LogDirs): () => void {
  const failed = (error: unknown) => logger.error({ err: error }, 'the checkpoints could not be written');
  const stops = [
    repeat(clock, config().int('log.flush.offset.checkpoint.interval.ms'), () => logs.writeCheckpoints(), failed),
    repeat(clock, config().long('replica.high.watermark.checkpoint.interval.ms'), () => logs.writeHighWatermarks(), failed),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

export function applyRetention({ clock, config, replicas, logger }: Services, logs: LogDirs): () => void {
  const retention = new Retention({
    ...{ replicas, clock, logger },
    leavesCompacted: isCleanerEnabled(config()),
    deletedSome: () => logs.writeCheckpoints(),
  });
  const stopRepeating = repeat(
    clock,
    config().long('log.retention.check.interval.ms'),
    () => retention.begin(),
    (error) => logger.error({ err: error }, 'old segments could not be looked for'),
  );
  return () => {
    stopRepeating();
    retention.stop();
  };
}

/** Work that fails, as on a full disk, is tried again at its next time, and told of once for each reason. */
function repeat(clock: Clock, everyMs: number, work: () => void, failed: (error: unknown) => void): () => void {
  let timer: Timer = clock.after(everyMs, again);
  let lastFailure = '';
  function again() {
    timer = clock.after(everyMs, again);
    try {
      work();
      lastFailure = '';
    } catch (error) {
      if (String(error) !== lastFailure) failed(error);
      lastFailure = String(error);
    }
  }
  return () => timer.cancel();
}
