import type { Clock, Timer } from '../core/clock.ts';
import type { Services } from '../handlers/services.ts';
import { isCleanerEnabled } from '../replication/log-config.ts';
import { Retention } from '../replication/retention.ts';
import type { LogDirs } from '../storage/log-dirs.ts';

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
