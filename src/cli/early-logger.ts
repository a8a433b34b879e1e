import type { Logger } from '../core/logger.ts';

/** Lines kept before there is a logger: more than any start has to say. */
export const MAX_EARLY_LINES = 1_000;

type Level = 'debug' | 'info' | 'warn' | 'error';

/** A logger that keeps its lines until there is one to write them. */
export interface EarlyLogger extends Logger {
  /** Writes what was kept, in order; from now on lines pass through. */
  continueWith(logger: Logger): void;
}

/** Loading pino takes 20-30 ms, which the first client need not wait for: until then lines are kept here. */
export function earlyLogger(): EarlyLogger {
  const kept: (() => void)[] = [];
  let dropped = 0;
  let open = false;

  // `logger` of a child exists only once that of its parent does, hence the function.
  const deferred = (logger: () => Logger): Logger => {
    const line = (level: Level) => (fields: object, message: string) => {
      if (open) logger()[level](fields, message);
      else if (kept.length < MAX_EARLY_LINES) kept.push(() => logger()[level](fields, message));
      else dropped++;
    };
    return {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: (fields) => {
        let own: Logger | undefined;
        return deferred(() => (own ??= logger().child(fields)));
      },
    };
  };

  let target: Logger;
  return {
    ...deferred(() => target),
    continueWith(logger) {
      target = logger;
      open = true;
      for (const write of kept.splice(0)) write();
      if (dropped > 0) target.warn({ dropped }, `${dropped} more lines of the start are lost`);
    },
  };
}
