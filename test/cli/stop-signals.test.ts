import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { stopSignals } from '../../src/cli/stop-signals.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';

function listening() {
  const source = new EventEmitter();
  const clock = fakeClock();
  let exits = 0;
  const signals = stopSignals(source, clock, () => exits++);
  return { clock, signals, send: (signal: string) => source.emit(signal, signal), exits: () => exits, source };
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s is the wish to stop', async (signal) => {
  const { signals, send, exits } = listening();
  send(signal);
  expect(await signals.first).toBe(signal);
  expect(exits()).toBe(0);
});

test('a second signal exits at once', async () => {
  const { clock, send, exits } = listening();
  send('SIGINT');
  await clock.advance(251);
  send('SIGTERM');
  expect(exits()).toBe(1);
});

test('the copy of a Ctrl-C that npm passes on is no second signal', async () => {
  const { clock, send, exits } = listening();
  send('SIGINT');
  await clock.advance(250);
  send('SIGINT');
  expect(exits()).toBe(0);
});

test('nothing is left behind', () => {
  const { signals, source } = listening();
  signals.dispose();
  expect(source.eventNames()).toEqual([]);
});
