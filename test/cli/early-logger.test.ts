import { expect, test } from 'vitest';
import { earlyLogger, MAX_EARLY_LINES } from '../../src/cli/early-logger.ts';
import type { Logger } from '../../src/core/logger.ts';

/** A logger that notes level, sentence and all fields. */
function noting(lines: [string, string, object][], own: object = {}): Logger {
  const line = (level: string) => (fields: object, message: string) => void lines.push([level, message, { ...own, ...fields }]);
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => noting(lines, { ...own, ...fields }),
  };
}

test('what was said early is written in order, then lines pass through, those of children as well', () => {
  const lines: [string, string, object][] = [];
  const logger = earlyLogger();
  const child = logger.child({ part: 'log' }).child({ partition: 1 });
  logger.warn({ a: 1 }, 'first');
  child.error({}, 'second');
  expect(lines).toEqual([]);
  logger.continueWith(noting(lines));
  child.info({ b: 2 }, 'third');
  logger.debug({}, 'fourth');
  expect(lines).toEqual([
    ['warn', 'first', { a: 1 }],
    ['error', 'second', { part: 'log', partition: 1 }],
    ['info', 'third', { part: 'log', partition: 1, b: 2 }],
    ['debug', 'fourth', {}],
  ]);
});

test('no more than MAX_EARLY_LINES are kept, and the loss is told', () => {
  const lines: [string, string, object][] = [];
  const logger = earlyLogger();
  for (let i = 0; i < MAX_EARLY_LINES + 2; i++) logger.info({}, String(i));
  logger.continueWith(noting(lines));
  expect(lines).toHaveLength(MAX_EARLY_LINES + 1);
  expect(lines.slice(-2)).toEqual([
    ['info', String(MAX_EARLY_LINES - 1), {}],
    ['warn', '2 more lines of the start are lost', { dropped: 2 }],
  ]);
});
