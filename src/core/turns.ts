import type { Clock } from './clock.ts';

/** Resolves when whatever else waits for the event loop has had its turn. */
export function othersTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

/** Long work, done in parts of so much each, between which others get their turn. */
export async function inTurns(clock: Clock, work: { go(much: number): boolean }, much: number): Promise<void> {
  while (work.go(much)) await othersTurn(clock);
}
