import type { Clock } from '../core/clock.ts';
import { MetadataImage } from './image.ts';
import { type Applied, applyBatch, applyRange, type ImageChanges } from './image-changes.ts';
import { CompactedError, type MetadataStore, type Rev, UnavailableError } from './store.ts';

/** Called with the new image and what changed since the last call. Synchronous: it must not throw, nor await. */
export type ImageListener = (image: MetadataImage, changes: ImageChanges) => void;

export interface MetadataFeedOptions {
  clock: Clock;
  /** A listener threw, or the store holds what this version cannot read; in the latter case (`stopped`) the image stands still from now on. */
  onError: (error: unknown, stopped: boolean) => void;
}

/** Until the store answers again. */
const RETRY_MS = 100;
/** Admin requests that wait at once; connections bound them long before. */
const MAX_WAITERS = 10_000;

interface Waiter {
  readonly revision: Rev;
  resolve(): void;
  reject(error: Error): void;
}

/** Keeps this broker's image of the cluster up to date: one range, then a watch. */
export class MetadataFeed {
  private readonly store: MetadataStore;
  private readonly options: MetadataFeedOptions;
  private readonly stop = new AbortController();
  private readonly listeners = new Set<ImageListener>();
  private readonly waiters = new Set<Waiter>();
  private image = MetadataImage.empty;
  private running: Promise<void> = Promise.resolve();
  private ended: Error | undefined;

  private constructor(store: MetadataStore, options: MetadataFeedOptions) {
    this.store = store;
    this.options = options;
  }

  /** A feed whose image shows the store as it is now. @throws BrokenValueError, which names the key; UnavailableError */
  static async open(store: MetadataStore, options: MetadataFeedOptions): Promise<MetadataFeed> {
    const feed = new MetadataFeed(store, options);
    await feed.readAll();
    feed.running = feed.follow();
    return feed;
  }

  get current(): MetadataImage {
    return this.image;
  }

  /**
   * Resolves when the image shows this revision, and its listeners have been told: so an admin request is answered when its effect is there.
   * @throws UnavailableError when the feed has ended
   */
  waitFor(revision: Rev): Promise<void> {
    if (this.image.revision >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.ended) reject(this.ended);
      else if (this.waiters.size >= MAX_WAITERS) reject(new UnavailableError(`more than ${MAX_WAITERS} requests wait for the metadata`));
      else this.waiters.add({ revision, resolve, reject });
    });
  }

  /** Returns what takes the listener away again. */
  onChange(listener: ImageListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.end(new UnavailableError('the metadata feed is closed'));
    await this.running;
  }

  private async follow(): Promise<void> {
    while (!this.stop.signal.aborted) {
      try {
        for await (const batch of this.store.watch('', this.image.revision + 1, this.stop.signal)) this.show(applyBatch(this.image, batch));
        this.end(new UnavailableError('the metadata store is closed'));
      } catch (error) {
        if (!(await this.recover(error))) return;
      }
    }
  }

  /** Whether the feed goes on. */
  private async recover(error: unknown): Promise<boolean> {
    let failure: unknown;
    try {
      if (!(error instanceof CompactedError)) throw error;
      await this.readAll();
      return true;
    } catch (again) {
      failure = again;
    }
    if (failure instanceof UnavailableError) {
      await this.pause();
      return true;
    }
    this.options.onError(failure, true);
    this.end(new UnavailableError('the metadata cannot be read', { cause: failure }));
    return false;
  }

  private async readAll(): Promise<void> {
    const { kvs, rev } = await this.store.range('');
    if (!this.stop.signal.aborted) this.show(applyRange(this.image, kvs, rev));
  }

  private show({ image, changes }: Applied): void {
    this.image = image;
    for (const listener of [...this.listeners]) {
      try {
        listener(image, changes);
      } catch (error) {
        this.options.onError(error, false);
      }
    }
    for (const waiter of this.waiters) {
      if (waiter.revision > image.revision) continue;
      this.waiters.delete(waiter);
      waiter.resolve();
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(RETRY_MS, done);
      const { signal } = this.stop;
      function done() {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.stop.abort();
    for (const waiter of this.waiters) waiter.reject(this.ended);
    this.waiters.clear();
  }
}
