import type { WaitKey } from '../core/purgatory.ts';
import type { FetchedState, FetchTarget, SessionRequest, Watched, Watcher } from './fetch-sessions.ts';
import type { Reader } from './partition-reading.ts';

/** What was last told to a session about one partition: what an incremental response is compared with. */
export interface Told {
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

/** One partition of a session. It rests while there is nothing to say of it, and is awake otherwise; new ones are awake. */
class Entry implements FetchTarget, Watcher {
  topic: string;
  topicId: string;
  readonly index: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  told: Told | null = null;
  /** What wakes it. */
  watched: Watched | null = null;
  private readonly session: FetchSession;

  constructor(session: FetchSession, target: FetchTarget) {
    this.session = session;
    this.topic = target.topic;
    this.topicId = target.topicId;
    this.index = target.index;
    this.fetchOffset = target.fetchOffset;
    this.maxBytes = target.maxBytes;
    this.currentLeaderEpoch = target.currentLeaderEpoch;
    this.lastFetchedEpoch = target.lastFetchedEpoch;
    this.logStartOffset = target.logStartOffset;
  }

  renew({ topic, fetchOffset, maxBytes, currentLeaderEpoch, lastFetchedEpoch, logStartOffset }: FetchTarget): void {
    this.topic = topic;
    this.fetchOffset = fetchOffset;
    this.maxBytes = maxBytes;
    this.currentLeaderEpoch = currentLeaderEpoch;
    this.lastFetchedEpoch = lastFetchedEpoch;
    this.logStartOffset = logStartOffset;
  }

  stirred(): void {
    this.session.stirred(this);
  }
}

/**
 * What one fetcher wants, and was told. A fetch looks only at what is awake, so that it costs what changed, not what is watched: two followers with a
 * thousand partitions each and a thousand fetches a second must not walk two million partitions a second.
 */
export class FetchSession {
  readonly id: number;
  readonly byTopicId: boolean;
  readonly privileged: boolean;
  /** Woken when a partition may have something new. */
  readonly key: WaitKey;
  epoch = 1;
  lastUsedMs: number;
  private readonly wake: (key: WaitKey) => void;
  private readonly entries = new Map<string, Entry>();
  private readonly stirring = new Set<Entry>();

  constructor(id: number, byTopicId: boolean, privileged: boolean, nowMs: number, wake: (key: WaitKey) => void) {
    this.id = id;
    this.byTopicId = byTopicId;
    this.privileged = privileged;
    this.lastUsedMs = nowMs;
    this.wake = wake;
    this.key = `session:${id}`;
  }

  /** Partitions. */
  get size(): number {
    return this.entries.size;
  }
  /** In the order in which they take from the budget. */
  get awake(): Iterable<FetchTarget> {
    return this.stirring;
  }

  fill(targets: readonly FetchTarget[], answered: ReadonlyMap<FetchTarget, FetchedState>): void {
    for (const target of targets) {
      const entry = this.entry(target);
      const state = answered.get(target);
      entry.told = state ? toldOf(state) : null;
    }
  }

  /** Takes over what a request says; gives the entries that it names. */
  update({ targets, forgotten }: SessionRequest): FetchTarget[] {
    const named = targets.map((target) => {
      const entry = this.entry(target);
      entry.renew(target);
      this.stirring.add(entry);
      return entry;
    });
    for (const { topic, topicId, index } of forgotten) {
      const key = this.keyOf(topic, topicId, index);
      const entry = this.entries.get(key);
      if (!entry) continue;
      this.entries.delete(key);
      this.stirring.delete(entry);
      entry.watched?.unwatch(entry);
    }
    return named;
  }

  watch(target: FetchTarget, partition: Watched, reader: Reader): void {
    const entry = target as Entry;
    if (entry.watched === partition || !this.holds(entry)) return;
    entry.watched?.unwatch(entry);
    entry.watched = partition;
    partition.watch(entry, reader);
  }

  rest(target: FetchTarget): void {
    const entry = target as Entry;
    if (entry.watched) this.stirring.delete(entry);
  }

  awaken(target: FetchTarget): void {
    if (this.holds(target as Entry)) this.stirring.add(target as Entry);
  }

  stirred(entry: Entry): void {
    this.stirring.add(entry);
    this.wake(this.key);
  }

  toldOf(target: FetchTarget): Told | null {
    return (target as Entry).told;
  }

  tell(target: FetchTarget, state: FetchedState): void {
    const entry = target as Entry;
    if (!this.holds(entry)) return;
    entry.told = toldOf(state);
    if (!state.hasRecords) return;
    // A partition that gave data goes to the end, so that the budget reaches the others next time.
    this.stirring.delete(entry);
    this.stirring.add(entry);
  }

  close(): void {
    for (const entry of this.entries.values()) entry.watched?.unwatch(entry);
    this.entries.clear();
    this.stirring.clear();
  }

  private entry(target: FetchTarget): Entry {
    const key = this.keyOf(target.topic, target.topicId, target.index);
    let entry = this.entries.get(key);
    if (!entry) {
      entry = new Entry(this, target);
      this.entries.set(key, entry);
      this.stirring.add(entry);
    }
    return entry;
  }

  private holds(entry: Entry): boolean {
    return this.entries.get(this.keyOf(entry.topic, entry.topicId, entry.index)) === entry;
  }

  private keyOf(topic: string, topicId: string, index: number): string {
    return `${this.byTopicId ? topicId : topic}/${index}`;
  }
}

/** After an error nothing counts as told, so that the next response lists the partition again. */
function toldOf(state: FetchedState): Told | null {
  return state.errorCode === 0 ? { highWatermark: state.highWatermark, logStartOffset: state.logStartOffset } : null;
}
