import type { Clock } from '../core/clock.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import { partitionKey, topicKey } from '../metadata/keys.ts';
import type { MetadataStore } from '../metadata/store.ts';
import { isValidTopicName } from '../metadata/topic-rules.ts';
import { ZERO_UUID } from '../protocol/wire.ts';

/** Called for each topic of a request. By id where there is one; `partition`: the highest that is asked for, -1 for the topic alone. */
export type Ask = (name: string | null | undefined, topicId: string | undefined, partition: number) => void;

export interface UnheardTopicsOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
}

/** What nobody has heard of is answered late by this much at most, when the store or this broker's image is behind. */
const LOOK_MS = 2_000;
/** Reads of the store for topics that turn out not to exist: so many a second, twice as many at once. Beyond that they are unknown unread. */
const MISSES_PER_S = 500;
const MISSES_AT_ONCE = 2 * MISSES_PER_S;

/**
 * Metadata-store rule 11: what this broker's image does not show may have been created a moment ago by another broker. Before such a topic or
 * partition is called unknown the store is asked, and where it is there the image is waited for. So a topic can be used everywhere as soon as
 * one broker has answered that it was created, and no broker waits for a paused one.
 */
export class UnheardTopics {
  private readonly options: UnheardTopicsOptions;
  /** By key of the store. */
  private readonly looking = new Map<string, Promise<void>>();
  /** Reads that the store has not answered, however long ago whoever waited for them has given up. */
  private reading = 0;
  private misses = MISSES_AT_ONCE;
  private refilledMs = 0;

  constructor(options: UnheardTopicsOptions) {
    this.options = options;
  }

  /**
   * `each` names the topics of a request. undefined: the image shows them all. Else a promise, which never rejects, after which the image is as
   * good as it gets. While a topic is looked for everybody who names it waits for the same promise: requests keep their order.
   */
  look(each: (ask: Ask) => void): Promise<void> | undefined {
    let waiting: Promise<void>[] | undefined;
    const image = this.options.metadata.current;
    each((name, topicId, partition) => {
      const known = isKnown(image, name, topicId, partition);
      if (known && this.looking.size === 0) return;
      const key = keyOf(name, topicId);
      if (key === null) return;
      const found = this.looking.get(key) ?? (known ? undefined : this.begin(key));
      if (found) (waiting ??= []).push(found);
    });
    return waiting && Promise.all(waiting).then(() => {});
  }

  private begin(key: string): Promise<void> | undefined {
    if (this.reading >= MISSES_AT_ONCE || !this.takeMiss()) return undefined;
    const looking = new Promise<void>((resolve) => {
      const timer = this.options.clock.after(LOOK_MS, resolve);
      const done = () => {
        timer.cancel();
        resolve();
      };
      this.read(key).then(done, done); // without the store, and without an answer of it, the image is all there is
    }).finally(() => this.looking.delete(key));
    this.looking.set(key, looking);
    return looking;
  }

  private async read(key: string): Promise<void> {
    const { store, metadata } = this.options;
    this.reading++;
    const { kv, rev } = await store.get(key).finally(() => this.reading--);
    if (!kv) return;
    this.misses = Math.min(this.misses + 1, MISSES_AT_ONCE); // it was none
    await metadata.waitFor(rev); // not kv.rev: a topic's partition keys, by which ids are found, come before its topic key
  }

  private takeMiss(): boolean {
    const nowMs = this.options.clock.monotonicMs();
    this.misses = Math.min(this.misses + ((nowMs - this.refilledMs) / 1000) * MISSES_PER_S, MISSES_AT_ONCE);
    this.refilledMs = nowMs;
    if (this.misses < 1) return false;
    this.misses--;
    return true;
  }
}

function isKnown(image: MetadataImage, name: string | null | undefined, topicId: string | undefined, partition: number): boolean {
  const topic = topicId !== undefined && topicId !== ZERO_UUID ? image.topicById(topicId) : image.topic(name ?? '');
  return topic !== undefined && partition < topic.partitions.length;
}

/** null: no topic can have this name. */
function keyOf(name: string | null | undefined, topicId: string | undefined): string | null {
  if (topicId !== undefined && topicId !== ZERO_UUID) return partitionKey(topicId, 0);
  return name && isValidTopicName(name) ? topicKey(name) : null;
}
