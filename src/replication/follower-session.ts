import type { Fetch } from '../protocol/messages/fetch.ts';
import type { RequestTo } from '../protocol/schema.ts';
import type { FollowedPartition, NextFetch } from './followed-partition.ts';

type Body = RequestTo<typeof Fetch>;
type RequestTopic = Body['topics'][number];
type ForgottenTopic = NonNullable<Body['forgottenTopicsData']>[number];

/** One partition of a leader, as its fetcher knows it. */
export interface Slot {
  readonly topicId: string;
  readonly index: number;
  /** null: no longer followed, but the leader's session does not know that yet. */
  partition: FollowedPartition | null;
  /** Whom it belonged to before `partition` was null: asked for only by a simulation that takes `dropStaleResponses` out. */
  was: FollowedPartition | null;
  /** What the leader's session says of it; null: it is not in the session. */
  sent: NextFetch | null;
  /** Number of the request that said so: what an earlier one asked for does not count any more. */
  sentIn: number;
  /** Stands in the list of what the next request must look at. */
  changed: boolean;
  /** The write or truncation under way; null: none. */
  work: object | null;
  /** Waits after an error. */
  delayed: boolean;
  /** Errors since the last success. */
  failures: number;
}

/** What a Fetch says of its session. */
export interface SessionPart {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: RequestTopic[];
  readonly forgottenTopicsData: ForgottenTopic[];
}

const LAST_EPOCH = 2 ** 31 - 1;
/** No request has asked for it. */
const NEVER = Number.POSITIVE_INFINITY;

/**
 * KIP-227 from the fetcher's side: what the leader's session knows of each partition, and what the next request must tell it. What a request costs follows
 * what changed since the last one, not how many partitions are followed.
 *
 * A partition that must not be fetched (a write is under way, it waits after an error) leaves the session with the next request, and comes back with its new offset.
 */
export class FollowerSession {
  /** Partitions followed. */
  followed = 0;
  /** Partitions in the leader's session. */
  members = 0;
  private readonly topics = new Map<string, Slot[]>();
  private changed: Slot[] = [];
  /** 0: none. A new session names the old one, which is closed by that. */
  private id = 0;
  /** 0: the next request begins a session. */
  private epoch = 0;
  private refused = false;

  /** Whether the leader has a session, so that another request can be sent before the last is answered. */
  get isOpen(): boolean {
    return this.epoch > 0;
  }
  /** The leader has no room for a session: each request names all partitions. */
  get isRefused(): boolean {
    return this.refused;
  }

  find(topicId: string, index: number): Slot | undefined {
    return this.topics.get(topicId)?.[index];
  }

  /** Begins to follow, or says that something about the partition changed: what was under way and what waits no longer count. */
  follow(partition: FollowedPartition): Slot {
    const { topicId, index } = partition;
    let slots = this.topics.get(topicId);
    if (!slots) this.topics.set(topicId, (slots = []));
    const slot = (slots[index] ??= newSlot(topicId, index));
    if (!slot.partition) this.followed++;
    if (slot.partition !== partition) slot.sentIn = NEVER; // what was asked for before does not count for it
    slot.partition = partition;
    slot.work = null;
    slot.failures = 0;
    this.touch(slot);
    return slot;
  }

  unfollow(partition: FollowedPartition): Slot | undefined {
    const slot = this.find(partition.topicId, partition.index);
    if (!slot || slot.partition !== partition) return undefined;
    this.followed--;
    slot.partition = null;
    slot.was = partition;
    slot.work = null;
    this.touch(slot);
    return slot;
  }

  /** The next request looks at this partition. */
  touch(slot: Slot): void {
    if (slot.changed) return;
    slot.changed = true;
    this.changed.push(slot);
  }

  /** The leader knows nothing (any more), or is to know nothing: the next request names all partitions. */
  restart(): void {
    this.epoch = 0;
    this.members = 0;
    this.changed = [];
    for (const [topicId, slots] of this.topics) {
      let left = false;
      for (const slot of slots) {
        if (!slot) continue;
        slot.sent = null;
        slot.changed = false;
        if (slot.partition) left = true;
        else delete slots[slot.index];
      }
      if (!left) this.topics.delete(topicId);
    }
  }

  /** What the leader said of the session in its answer to a request that began one; false: the session is not the one that was asked for. */
  opened(sessionId: number): void {
    this.refused = sessionId === 0;
    this.id = sessionId;
    this.epoch = this.refused ? 0 : 1;
  }

  isMine(sessionId: number): boolean {
    return sessionId === this.id;
  }

  /**
   * What the request of this number says, which is then sent for sure; null: there is nothing to ask for.
   * @param onlyNews another request waits at the leader: null unless there is something that it does not ask for
   */
  next(requestNumber: number, partitionMaxBytes: number, onlyNews: boolean): SessionPart | null {
    if (!this.isOpen) return this.beginSession(requestNumber, partitionMaxBytes);
    const news: Slot[] = [];
    const offsets: NextFetch[] = [];
    const gone: Slot[] = [];
    let added = 0;
    for (const slot of this.changed) {
      const next = nextOf(slot);
      if (!next) {
        if (slot.sent) gone.push(slot);
        else if (!slot.partition) this.drop(slot);
      } else if (!slot.sent || slot.sentIn === NEVER || differs(slot.sent, next)) {
        if (!slot.sent) added++;
        news.push(slot);
        offsets.push(next);
      }
    }
    if (onlyNews && news.length === 0) return null;
    if (this.members + added - gone.length === 0) return null; // an empty session would be closed
    for (const slot of this.changed) slot.changed = false;
    this.changed = [];
    this.members += added - gone.length;
    const topics = new Map<string, RequestTopic>();
    for (let i = 0; i < news.length; i++) tell(topics, news[i]!, offsets[i]!, requestNumber, partitionMaxBytes);
    const { id: sessionId, epoch: sessionEpoch } = this;
    this.epoch = sessionEpoch === LAST_EPOCH ? 1 : sessionEpoch + 1;
    return { sessionId, sessionEpoch, topics: [...topics.values()], forgottenTopicsData: this.forget(gone) };
  }

  private beginSession(requestNumber: number, partitionMaxBytes: number): SessionPart | null {
    this.restart();
    const topics = new Map<string, RequestTopic>();
    for (const slots of this.topics.values()) {
      for (const slot of slots) {
        const next = slot && nextOf(slot);
        if (!next) continue;
        tell(topics, slot, next, requestNumber, partitionMaxBytes);
        this.members++;
      }
    }
    if (this.members === 0) return null;
    return { sessionId: this.id, sessionEpoch: 0, topics: [...topics.values()], forgottenTopicsData: [] };
  }

  private forget(gone: readonly Slot[]): ForgottenTopic[] {
    const topics = new Map<string, { topicId: string; partitions: number[] }>();
    for (const slot of gone) {
      const { topicId, index } = slot;
      slot.sent = null;
      const topic = topics.get(topicId);
      if (topic) topic.partitions.push(index);
      else topics.set(topicId, { topicId, partitions: [index] });
      if (!slot.partition) this.drop(slot);
    }
    return [...topics.values()];
  }

  private drop(slot: Slot): void {
    const { topicId, index } = slot;
    const slots = this.topics.get(topicId);
    if (slots?.[index] !== slot) return;
    delete slots[index];
    if (!slots.some(Boolean)) this.topics.delete(topicId);
  }
}

const newSlot = (topicId: string, index: number): Slot => ({
  topicId,
  index,
  partition: null,
  was: null,
  sent: null,
  sentIn: NEVER,
  changed: false,
  work: null,
  delayed: false,
  failures: 0,
});

/** null: it must not be fetched now. */
function nextOf({ partition, work, delayed }: Slot): NextFetch | null {
  return partition && !work && !delayed ? partition.nextFetch() : null;
}

function differs(sent: NextFetch, next: NextFetch): boolean {
  return (
    sent.fetchOffset !== next.fetchOffset ||
    sent.leaderEpoch !== next.leaderEpoch ||
    sent.lastFetchedEpoch !== next.lastFetchedEpoch ||
    sent.logStartOffset !== next.logStartOffset
  );
}

function tell(topics: Map<string, RequestTopic>, slot: Slot, next: NextFetch, requestNumber: number, partitionMaxBytes: number): void {
  slot.sent = next;
  slot.sentIn = requestNumber;
  const partition = {
    partition: slot.index,
    currentLeaderEpoch: next.leaderEpoch,
    fetchOffset: next.fetchOffset,
    lastFetchedEpoch: next.lastFetchedEpoch,
    logStartOffset: next.logStartOffset,
    partitionMaxBytes,
  };
  const topic = topics.get(slot.topicId);
  if (topic) (topic.partitions as (typeof partition)[]).push(partition);
  else topics.set(slot.topicId, { topicId: slot.topicId, partitions: [partition] });
}
