import { BufferPool } from '../core/bytes.ts';
import type { Fetchers, FollowedPartition } from './followed-partition.ts';
import { type FetcherServices, FollowerFetcher } from './follower-fetcher.ts';

/** Idle memory that is kept for responses: one full response and a small one. */
const POOL_BYTES = 18 * 1024 * 1024;

/** Fetches everything that this broker follows: one fetcher for each leader. */
export class FollowerFetchers implements Fetchers {
  private readonly services: FetcherServices;
  private readonly fetchers = new Map<number, FollowerFetcher>();
  private readonly leaders = new Map<FollowedPartition, FollowerFetcher>();
  private closed = false;

  constructor(services: Omit<FetcherServices, 'pool'>, pool = new BufferPool(POOL_BYTES)) {
    this.services = { ...services, pool };
  }

  follow(partition: FollowedPartition, leaderId: number): void {
    if (this.closed) return;
    let fetcher = this.fetchers.get(leaderId);
    if (!fetcher) this.fetchers.set(leaderId, (fetcher = new FollowerFetcher(leaderId, this.services)));
    const before = this.leaders.get(partition);
    if (before !== fetcher) {
      before?.unfollow(partition);
      this.leaders.set(partition, fetcher);
    }
    fetcher.follow(partition);
  }

  unfollow(partition: FollowedPartition): void {
    this.leaders.get(partition)?.unfollow(partition);
    this.leaders.delete(partition);
  }

  /** Partitions that are followed now. */
  count(): number {
    return this.leaders.size;
  }

  /** Bytes that are asked for, or came and are not written yet: of all leaders. */
  heldBytes(): number {
    let bytes = 0;
    for (const fetcher of this.fetchers.values()) bytes += fetcher.heldBytes;
    return bytes;
  }

  /** Asks for nothing any more; what came is still written. */
  close(): void {
    this.closed = true;
    for (const fetcher of this.fetchers.values()) fetcher.close();
    this.fetchers.clear();
    this.leaders.clear();
  }
}
