import type { Clock } from '../core/clock.ts';
import type { ErrorName } from '../core/error-codes.ts';
import type { WaitKey } from '../core/purgatory.ts';
import { FetchSession } from './fetch-session.ts';
import type { Reader } from './partition-reading.ts';

/** One partition as a fetcher asks for it. */
export interface FetchTarget {
  /** Name of the topic; '' where the request names it by an id that is not known. */
  topic: string;
  topicId: string;
  readonly index: number;
  fetchOffset: number;
  /** Bytes wanted of this partition at most. */
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  /** Of a follower: where its log begins; else -1. */
  logStartOffset: number;
}

/** What a session watches: a partition, which says when there may be something new for who reads it. */
export interface Watched {
  watch(watcher: Watcher, reader: Reader): void;
  unwatch(watcher: Watcher): void;
}

export interface Watcher {
  /** Called often: must be cheap. */
  stirred(): void;
}

/** What an answer says of one partition, as far as a session cares. */
export interface FetchedState {
  readonly errorCode: number;
  readonly hasRecords: boolean;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly diverging: boolean;
  /** KIP-392: the fetcher is sent to another replica. */
  readonly redirected: boolean;
}

/** The part of a request that sessions are about. */
export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  /** Version 13 and above names topics by id. */
  readonly byTopicId: boolean;
  /** A follower fetches: it always gets a session. */
  readonly privileged: boolean;
  readonly targets: readonly FetchTarget[];
  readonly forgotten: readonly { topic: string; topicId: string; index: number }[];
}

/** One fetch in the light of its session. */
export interface FetchContext {
  /** The partitions that the request itself names: what it says of them is new. */
  readonly named: readonly FetchTarget[];
  /** Partitions in all. */
  readonly size: number;
  /**
   * The partitions that there may be something to say about, in the order in which they take from the budget: all, but for those that rest.
   * To be asked anew after a wait.
   */
  targets(): Iterable<FetchTarget>;
  /** What is woken when something may be new for a partition that is watched; null: none ever is. */
  readonly key: WaitKey | null;
  /** Where the target was found: what it must wake up for. */
  watch(target: FetchTarget, partition: Watched, reader: Reader): void;
  /** There is nothing to say of it before its partition changes. Without effect when that is not watched. */
  rest(target: FetchTarget): void;
  /** Whether an answer must list this partition. Changes nothing: it may be asked any number of times while the fetch waits. */
  mustTell(target: FetchTarget, state: FetchedState): boolean;
  /** Whether these offsets are others than the session was told, or it was told of none yet. */
  isNews(target: FetchTarget, highWatermark: number, logStartOffset: number): boolean;
  /** The client is answered with nothing, since it has used up a quota: those are to be looked at again. Gives the session's id; 0: none begins. */
  withhold(targets: Iterable<FetchTarget>): number;
  /** Settles the session with what was answered, and gives its id for the response: 0 for none. */
  finish(answered: ReadonlyMap<FetchTarget, FetchedState>): number;
}

/** Epochs of a request that is not part of a session, and of one that begins a session. */
const NO_SESSION = -1;
const BEGIN_SESSION = 0;
const LAST_EPOCH = 2 ** 31 - 1;
/** An idle session may be evicted for a new one after this. */
const EVICT_AFTER_IDLE_MS = 120_000;
/** Partitions remembered over all sessions. Beyond it new sessions are refused, which KIP-227 allows: the fetcher goes on without one. */
const MAX_REMEMBERED = 1_000_000;

/** KIP-227: incremental fetch sessions. A fetcher says what it wants once, then only what changed; the broker answers with what changed. */
export class FetchSessions {
  private readonly clock: Clock;
  private readonly maxSessions: () => number;
  private readonly newId: () => number;
  private readonly wake: (key: WaitKey) => void;
  private readonly maxRemembered: number;
  private readonly sessions = new Map<number, FetchSession>();
  private remembered = 0;

  /** @param newId a random positive int32 */
  constructor(clock: Clock, maxSessions: () => number, newId: () => number, wake: (key: WaitKey) => void, maxRemembered = MAX_REMEMBERED) {
    this.clock = clock;
    this.maxSessions = maxSessions;
    this.newId = newId;
    this.wake = wake;
    this.maxRemembered = maxRemembered;
  }

  count(): number {
    return this.sessions.size;
  }

  /** The context of a request, or the top-level error that it is answered with. */
  begin(request: SessionRequest): FetchContext | ErrorName {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === NO_SESSION || sessionEpoch === BEGIN_SESSION) {
      this.drop(sessionId);
      return this.fullContext(request, sessionEpoch === BEGIN_SESSION);
    }
    const session = this.sessions.get(sessionId);
    if (!session) return 'FETCH_SESSION_ID_NOT_FOUND';
    if (session.epoch !== sessionEpoch) return 'INVALID_FETCH_SESSION_EPOCH';
    // KIP-516: a session names all its topics by id or all by name.
    if (session.byTopicId !== request.byTopicId) return 'FETCH_SESSION_TOPIC_ID_ERROR';
    const before = session.size;
    const named = session.update(request);
    this.remembered += session.size - before;
    if (this.remembered > this.maxRemembered && !session.privileged) {
      // As if it had been evicted: the fetcher begins again, and then gets no session.
      this.drop(session.id);
      return 'FETCH_SESSION_ID_NOT_FOUND';
    }
    session.epoch = session.epoch === LAST_EPOCH ? 1 : session.epoch + 1;
    session.lastUsedMs = this.clock.monotonicMs();
    if (session.size > 0) return incrementalContext(session, named);
    this.drop(session.id);
    return this.fullContext(request, false);
  }

  private fullContext(request: SessionRequest, wantsSession: boolean): FetchContext {
    return {
      named: request.targets,
      size: request.targets.length,
      targets: () => request.targets,
      key: null,
      watch: () => {},
      rest: () => {},
      mustTell: () => true,
      isNews: () => wantsSession,
      withhold: () => 0,
      finish: (answered) => (wantsSession ? this.create(request, answered) : 0),
    };
  }

  private create({ byTopicId, privileged, targets }: SessionRequest, answered: ReadonlyMap<FetchTarget, FetchedState>): number {
    // Followers get a session whatever happens (KIP-227): there are as many as brokers, with no more partitions than those have.
    if (!privileged && (this.remembered + targets.length > this.maxRemembered || !this.makeRoom())) return 0;
    if (privileged) this.dropIdleFollowers();
    let id = this.newId();
    while (id === 0 || this.sessions.has(id)) id = this.newId();
    const session = new FetchSession(id, byTopicId, privileged, this.clock.monotonicMs(), this.wake);
    session.fill(targets, answered);
    this.remembered += session.size;
    this.sessions.set(id, session);
    return id;
  }

  private makeRoom(): boolean {
    if (this.sessions.size < this.maxSessions()) return true;
    const idleSince = this.clock.monotonicMs() - EVICT_AFTER_IDLE_MS;
    for (const session of this.sessions.values()) {
      if (session.lastUsedMs > idleSince || session.privileged) continue;
      this.drop(session.id);
      return this.sessions.size < this.maxSessions();
    }
    return false;
  }

  /** A follower that was started again does not close the session that it had. */
  private dropIdleFollowers(): void {
    const idleSince = this.clock.monotonicMs() - EVICT_AFTER_IDLE_MS;
    for (const { id, privileged, lastUsedMs } of this.sessions.values()) if (privileged && lastUsedMs <= idleSince) this.drop(id);
  }

  private drop(id: number): void {
    const session = this.sessions.get(id);
    if (!session) return;
    this.remembered -= session.size;
    this.sessions.delete(id);
    session.close();
  }
}

function incrementalContext(session: FetchSession, named: readonly FetchTarget[]): FetchContext {
  return {
    named,
    size: session.size,
    targets: () => session.awake,
    key: session.key,
    watch: (target, partition, reader) => session.watch(target, partition, reader),
    rest: (target) => session.rest(target),
    mustTell: (target, state) => {
      const told = session.toldOf(target);
      if (state.hasRecords || state.errorCode !== 0 || state.diverging || state.redirected || !told) return true;
      return told.highWatermark !== state.highWatermark || told.logStartOffset !== state.logStartOffset;
    },
    isNews: (target, highWatermark, logStartOffset) => {
      const told = session.toldOf(target);
      return told?.highWatermark !== highWatermark || told.logStartOffset !== logStartOffset;
    },
    withhold: (targets) => {
      for (const target of targets) session.awaken(target);
      return session.id;
    },
    finish: (answered) => {
      for (const [target, state] of answered) session.tell(target, state);
      return session.id;
    },
  };
}
