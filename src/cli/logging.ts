import { pino } from 'pino';
import type { Logger } from '../core/logger.ts';
import type { Output } from './output.ts';

const STDOUT = 1;
/** Fields that repeat what the sentence says: for programs that read the log, not for people. */
const NOT_FOR_PEOPLE = 'pid,hostname,version,listeners,dataDirectory,nodeId,keys';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * The log of a broker process, on standard output: sentences on a terminal, one JSON object a line in a pipe. Writes are synchronous, so that
 * the last words of a dying process are not lost; nothing on a hot path logs.
 */
export async function createLogger(out: Pick<Output, 'isTerminal' | 'hasColors'>, level: LogLevel = 'info'): Promise<Logger> {
  if (!out.isTerminal) {
    const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
    const logger: Logger = pino(options, pino.destination({ dest: STDOUT, sync: true }));
    return logger;
  }
  const { default: pretty } = await import('pino-pretty'); // 50 ms, which a broker in a pipe does not pay
  const stream = pretty({
    colorize: out.hasColors,
    destination: STDOUT,
    ignore: NOT_FOR_PEOPLE,
    singleLine: true,
    sync: true,
    translateTime: 'SYS:HH:MM:ss',
  });
  const logger: Logger = pino({ level, base: undefined }, stream);
  return logger;
}
