import type { Clock } from '../core/clock.ts';
import type { ErrorName } from '../core/error-codes.ts';
import type { Purgatory, WaitKey } from '../core/purgatory.ts';
import { SessionNews } from './session-news.ts';

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

/** What was last told to a session about one partition: what an incremental response is compared with. */
interface Told {
  highWatermark: number;
  logStartOffset: number;
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

type Entry = FetchTarget & { told: Told | null };

interface Session {
  readonly id: number;
  readonly byTopicId: boolean;
  readonly privileged: boolean;
  readonly entries: Map<string, Entry>;
  /** Of a follower. */
  readonly news: SessionNews<Entry> | null;
  epoch: number;
  lastUsedMs: number;
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
  /** All partitions to look at, in the order in which they take from the budget; of a follower those that may have something to tell by now. */
  readonly targets: readonly FetchTarget[];
  /** What is woken when there are more of them; null: wait for the partitions themselves. */
  readonly waitKey: WaitKey | null;
  /** Nothing is left to read of this one, and there is no more to tell of it than what its state is now. */
  settled(target: FetchTarget): void;
  /** Whether an answer must list this partition. Changes nothing: it may be asked any number of times while the fetch waits. */
  mustTell(target: FetchTarget, state: FetchedState): boolean;
  /** Whether these offsets are others than the session was told, or it was told of none yet. */
  isNews(target: FetchTarget, highWatermark: number, logStartOffset: number): boolean;
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
  private readonly maxRemembered: number;
  private readonly purgatory: Purgatory | null;
  private readonly sessions = new Map<number, Session>();
  private remembered = 0;

  /** @param newId a random positive int32 @param options `purgatory`: where partitions wake who waits for them; without it followers are told nothing special */
  constructor(
    clock: Clock,
    maxSessions: () => number,
    newId: () => number,
    { maxRemembered = MAX_REMEMBERED, purgatory = null }: { maxRemembered?: number; purgatory?: Purgatory | null } = {},
  ) {
    this.maxRemembered = maxRemembered;
    this.purgatory = purgatory;
    this.clock = clock;
    this.maxSessions = maxSessions;
    this.newId = newId;
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
    this.update(session, request);
    if (this.remembered > this.maxRemembered && !session.privileged) {
      // As if it had been evicted: the fetcher begins again, and then gets no session.
      this.drop(session.id);
      return 'FETCH_SESSION_ID_NOT_FOUND';
    }
    session.epoch = session.epoch === LAST_EPOCH ? 1 : session.epoch + 1;
    session.lastUsedMs = this.clock.monotonicMs();
    if (session.entries.size > 0) return this.incrementalContext(session);
    this.drop(session.id);
    return this.fullContext(request, false);
  }

  private fullContext(request: SessionRequest, wantsSession: boolean): FetchContext {
    return {
      targets: request.targets,
      waitKey: null,
      settled: () => {},
      mustTell: () => true,
      isNews: () => wantsSession,
      finish: (answered) => (wantsSession ? this.create(request, answered) : 0),
    };
  }

  private incrementalContext(session: Session): FetchContext {
    const { news } = session;
    news?.begin(this.clock.monotonicMs());
    const targets = news ? null : [...session.entries.values()];
    return {
      get targets() {
        return targets ?? news!.list();
      },
      waitKey: news?.key ?? null,
      settled: (target) => news?.settled(target as Entry),
      mustTell: (target, state) => {
        const { told } = target as Entry;
        if (state.hasRecords || state.errorCode !== 0 || state.diverging || state.redirected || !told) return true;
        return told.highWatermark !== state.highWatermark || told.logStartOffset !== state.logStartOffset;
      },
      isNews: (target, highWatermark, logStartOffset) => {
        const { told } = target as Entry;
        return told?.highWatermark !== highWatermark || told.logStartOffset !== logStartOffset;
      },
      finish: (answered) => {
        for (const [target, state] of answered) this.tell(session, target as Entry, state);
        return session.id;
      },
    };
  }

  private tell(session: Session, entry: Entry, state: FetchedState): void {
    const key = keyOf(session.byTopicId, entry);
    if (session.entries.get(key) !== entry) return;
    entry.told = toldOf(state);
    if (!state.hasRecords) return;
    session.news?.gave(entry);
    // A partition that gave data goes to the end, so that the budget reaches the others next time.
    session.entries.delete(key);
    session.entries.set(key, entry);
  }

  private update(session: Session, { targets, forgotten, byTopicId }: SessionRequest): void {
    for (const target of targets) {
      const key = keyOf(byTopicId, target);
      let entry = session.entries.get(key);
      if (entry) Object.assign(entry, target);
      else {
        session.entries.set(key, (entry = { ...target, told: null }));
        this.remembered++;
      }
      session.news?.named(entry);
    }
    for (const gone of forgotten) {
      const key = keyOf(byTopicId, gone);
      const entry = session.entries.get(key);
      if (!entry) continue;
      session.entries.delete(key);
      session.news?.forgotten(entry);
      this.remembered--;
    }
  }

  private create({ byTopicId, privileged, targets }: SessionRequest, answered: ReadonlyMap<FetchTarget, FetchedState>): number {
    // Followers get a session whatever happens (KIP-227): there are as many as brokers, with no more partitions than those have.
    if (!privileged && (this.remembered + targets.length > this.maxRemembered || !this.makeRoom())) return 0;
    const nowMs = this.clock.monotonicMs();
    if (privileged) this.dropIdleFollowers(nowMs);
    let id = this.newId();
    while (id === 0 || this.sessions.has(id)) id = this.newId();
    const entries = new Map<string, Entry>();
    const news = privileged && byTopicId && this.purgatory ? new SessionNews<Entry>(this.purgatory, id, nowMs) : null;
    for (const target of targets) {
      const state = answered.get(target);
      const entry = { ...target, told: state ? toldOf(state) : null };
      entries.set(keyOf(byTopicId, target), entry);
      news?.named(entry);
    }
    this.remembered += entries.size;
    this.sessions.set(id, { id, byTopicId, privileged, news, entries, epoch: 1, lastUsedMs: nowMs });
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
  private dropIdleFollowers(nowMs: number): void {
    for (const { id, privileged, lastUsedMs } of this.sessions.values()) if (privileged && lastUsedMs <= nowMs - EVICT_AFTER_IDLE_MS) this.drop(id);
  }

  private drop(id: number): void {
    const session = this.sessions.get(id);
    if (!session) return;
    this.remembered -= session.entries.size;
    session.news?.close();
    this.sessions.delete(id);
  }
}

/** After an error nothing counts as told, so that the next response lists the partition again. */
function toldOf(state: FetchedState): Told | null {
  return state.errorCode === 0 ? { highWatermark: state.highWatermark, logStartOffset: state.logStartOffset } : null;
}

function keyOf(byTopicId: boolean, { topic, topicId, index }: { topic: string; topicId: string; index: number }): string {
  return `${byTopicId ? topicId : topic}/${index}`;
}
