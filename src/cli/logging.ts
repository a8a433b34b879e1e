import { pino } from 'pino';
import { jsonLogger } from '../core/json-logger.ts';
import type { Logger, LogLevel } from '../core/logger.ts';
import type { Output } from './output.ts';

const STDOUT = 1;
/** Fields that repeat what the sentence says: for programs that read the log, not for people. */
const NOT_FOR_PEOPLE = 'pid,hostname,version,listeners,dataDirectory,nodeId,keys,client,listener';

export type LogFormat = 'pretty' | 'json';

export interface LogOptions {
  /** Default: info. */
  readonly level?: LogLevel | undefined;
  /** Default: pretty on a terminal, json in a pipe. */
  readonly format?: LogFormat | undefined;
}

/**
 * The log of a broker process, on standard output: sentences for people, or one JSON object a line. Writes are synchronous, so that the last words
 * of a dying process are not lost; nothing on a hot path logs.
 */
export async function createLogger(
  out: Pick<Output, 'isTerminal' | 'hasColors'>,
  { level = 'info', format = out.isTerminal ? 'pretty' : 'json' }: LogOptions = {},
): Promise<Logger> {
  const destination = pino.destination({ dest: STDOUT, sync: true });
  // The terminal, or whoever read the pipe, is gone: no reason for a broker to end, and none to tell it to.
  destination.on('error', () => {});
  if (format === 'json') {
    const logger: Logger = jsonLogger(level, destination);
    return logger;
  }
  const { default: pretty } = await import('pino-pretty'); // 50 ms, which a broker in a pipe does not pay
  const stream = pretty({
    colorize: out.hasColors,
    destination,
    ignore: NOT_FOR_PEOPLE,
    singleLine: true,
    sync: true,
    translateTime: 'SYS:HH:MM:ss',
  });
  const logger: Logger = pino({ level, base: undefined }, stream);
  return logger;
}
