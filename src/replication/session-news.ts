import type { Purgatory, WaitKey } from '../core/purgatory.ts';
import { committedKey, writtenKey } from './partition-keys.ts';

/** All partitions of a session are looked at this often at least: a follower that is idle is seen to be there, and nothing is missed for long. */
const LOOK_AT_ALL_MS = 500;

/** A partition in a session. */
export interface Watched {
  readonly topicId: string;
  readonly index: number;
}

/**
 * Which partitions of a follower's session may have something to tell it. A follower may have thousands in its session, and fetches whenever one of them
 * has a record; so what a fetch costs must follow what changed, not what is followed.
 */
export class SessionNews<E extends Watched> {
  /** What a fetch of this session waits for. */
  readonly key: WaitKey;
  private readonly purgatory: Purgatory;
  /** In the order in which they take from the budget of an answer. */
  private readonly changed = new Set<E>();
  private readonly watched = new Map<E, () => void>();
  private lookedMs: number;

  constructor(purgatory: Purgatory, sessionId: number, nowMs: number) {
    this.purgatory = purgatory;
    this.key = `session:${sessionId}`;
    this.lookedMs = nowMs;
  }

  /** The follower named it: it may have something to tell now, and whenever the partition changes. */
  named(entry: E): void {
    this.changed.add(entry);
    if (this.watched.has(entry)) return;
    const { purgatory, changed, key } = this;
    const { topicId, index } = entry;
    const woken = () => {
      changed.add(entry);
      purgatory.wake(key);
    };
    const stops = [committedKey(topicId, index), writtenKey(topicId, index)].map((partitionKey) => purgatory.listen(partitionKey, woken));
    this.watched.set(entry, () => {
      for (const stop of stops) stop();
    });
  }

  forgotten(entry: E): void {
    this.watched.get(entry)?.();
    this.watched.delete(entry);
    this.changed.delete(entry);
  }

  /** There is nothing more to tell of it than what is told now. */
  settled(entry: E): void {
    this.changed.delete(entry);
  }

  /** It gave records: the others come first next time. */
  gave(entry: E): void {
    if (this.changed.delete(entry)) this.changed.add(entry);
  }

  /** A fetch begins. */
  begin(nowMs: number): void {
    if (nowMs - this.lookedMs < LOOK_AT_ALL_MS) return;
    this.lookedMs = nowMs;
    for (const entry of this.watched.keys()) this.changed.add(entry);
  }

  list(): E[] {
    return [...this.changed];
  }

  close(): void {
    for (const stop of this.watched.values()) stop();
    this.watched.clear();
    this.changed.clear();
  }
}
