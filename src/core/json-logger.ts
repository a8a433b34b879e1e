import { type DestinationStream, type Logger as Pino, pino } from 'pino';
import type { LogLevel } from './logger.ts';

/**
 * pino, a JSON object a line. The level is a word and the time is ISO 8601: collectors of logs read both as they are, and pino-pretty does, too.
 * Process id and host name are left out, since whoever collects logs adds its own.
 */
export function jsonLogger(level: LogLevel, destination?: DestinationStream): Pino {
  const options = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}
