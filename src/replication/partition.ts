import { asError, KafkaError } from '../core/errors.ts';
import type { WaitKey } from '../core/purgatory.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { PartitionImage } from '../metadata/image.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import type { LogEnd } from '../metadata/log-ends.ts';
import { CONGESTED_BYTES, CONGESTED_WRITES } from '../storage/append-queue.ts';
import { rulesOf } from '../storage/batch-check.ts';
import type { Requirements } from '../storage/batch-preparation.ts';
import type { CompactionResult } from '../storage/compaction.ts';
import type { Cleanable } from '../storage/compaction-range.ts';
import type { Done } from '../storage/log-types.ts';
import { folderName } from '../storage/partition-folder.ts';
import type { AppendInfo, PartitionLog } from '../storage/partition-log.ts';
import type { Produced } from '../storage/produce-line.ts';
import type { TransactionMarker } from '../storage/producer-state.ts';
import type { Verification, VerificationGuard, VerificationRequest } from '../storage/verifications.ts';
import type { Watched, Watcher } from './fetch-sessions.ts';
import type { DivergingEpoch, Fetched, FollowedPartition, NextFetch } from './followed-partition.ts';
import type { ReplicaConfig } from './log-config.ts';
import { Following, type FollowingPartition } from './partition-follower.ts';
import { Leadership, type LedPartition } from './partition-leader.ts';
import { PartitionReading, type Reader } from './partition-reading.ts';
import type { PartitionServices } from './partition-services.ts';

/**
 * none: it serves nobody. Nobody leads it, or this broker is not registered, or was taken off its replicas, or its disk has failed.
 * leader: it appends. Once what was in flight before is finished, a Leadership begins, at its first use.
 * follower: it fetches from the leader, once what was in flight before is finished.
 */
type Role = 'none' | 'leader' | 'follower';

/** Of who knows no leader epoch. */
const NO_EPOCH = -1;
const NOBODY: ReadonlySet<Watcher> = new Set();
const OVER = 'This broker does not lead this partition any more';
const OFFLINE = 'The log of this replica is offline';

/**
 * One replica of a partition, on this broker: leader or follower, as the metadata say. The bytes are its log's.
 *
 * log start offset <= last stable offset <= high watermark <= log end offset, all ends exclusive. Without open transactions the last stable
 * offset is the high watermark; with one replica that is the log end offset.
 */
export class Partition extends PartitionReading implements FollowedPartition, FollowingPartition, LedPartition, Watched {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  /** What waiters on this partition wait for: its high watermark, its log start, its role, its end. */
  readonly key: WaitKey;
  /** The same, and whatever is written: what followers wait for. */
  readonly followerKey: WaitKey;
  state: PartitionImage;
  minIsr: number;
  requirements: Requirements;
  private readonly services: PartitionServices;
  private role: Role = 'none';
  /** The leader epoch of the role. */
  private epoch = -1;
  private leadership: Leadership | null = null;
  private following: Following | null = null;
  /** A write of an earlier role is in flight. */
  private draining = false;
  private changes = 0;
  private gone: KafkaError | null = null;
  private compacts: boolean;
  /** Fetch sessions, by who reads. Replaced, never changed: they come and go while others are told. */
  private followers: ReadonlySet<Watcher> = NOBODY;
  private consumers: ReadonlySet<Watcher> = NOBODY;

  /** @param config as `log` has it */
  constructor(topic: string, state: PartitionImage, log: PartitionLog, config: ReplicaConfig, services: PartitionServices) {
    super(log);
    this.topic = topic;
    this.topicId = state.topicId;
    this.index = state.partition;
    this.key = `partition:${state.topicId}/${state.partition}`;
    this.followerKey = `end:${state.topicId}/${state.partition}`;
    this.state = state;
    this.services = services;
    this.minIsr = config.minIsr;
    this.requirements = this.requirementsOf(config);
    this.compacts = INTERNAL_TOPICS.has(topic) && config.log.compacted;
    this.takeRole();
  }

  get leaderEpoch(): number {
    return this.epoch;
  }
  get highWatermark(): number {
    if (this.role === 'leader' && !this.leadership) this.leading();
    return this.log.highWatermark;
  }
  get isLeader(): boolean {
    return this.role === 'leader';
  }
  get isFollower(): boolean {
    return this.role === 'follower';
  }
  /** Producers should pause: the disk is behind, or much waits for a batch that is prepared. */
  get congested(): boolean {
    const { leadership, log } = this;
    return (
      log.congested || (leadership !== null && (leadership.queuedBytes >= CONGESTED_BYTES || leadership.queuedBatches >= CONGESTED_WRITES))
    );
  }

  configure(config: ReplicaConfig): void {
    this.log.configure(config.log);
    this.requirements = this.requirementsOf(config);
    this.minIsr = config.minIsr;
    this.compacts = INTERNAL_TOPICS.has(this.topic) && config.log.compacted;
    this.leadership?.adopted();
  }

  /** The partition as the store has it. What is older than what is known has no effect: a watch may come behind an own write. */
  update(state: PartitionImage): void {
    if (state.rev <= this.state.rev || this.gone) return;
    this.state = state;
    this.takeRole();
  }

  /** This broker registered, or is not registered any more; or other brokers did. */
  registrationsChanged(): void {
    if (!this.gone) this.takeRole();
  }

  /** Its log may have gone offline, and stays so: others are to serve it, and whoever waits here is told now. */
  logFailed(): void {
    if (!this.gone && this.log.isOffline) this.takeRole();
  }

  /** It is served no more, for good: what is under way fails with `error`. */
  close(error: KafkaError): void {
    this.gone = error;
    this.changes++;
    const wasFollower = this.isFollower;
    this.endRole(error);
    if (wasFollower) this.services.fetchers.unfollow(this);
    this.committed();
    this.changed();
  }

  /** The leadership of this broker. @throws KafkaError NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR */
  leading(): Leadership {
    if (this.leadership) return this.leadership;
    const registration = this.services.registration();
    if (this.role !== 'leader' || this.draining || !registration) throw this.gone ?? this.over();
    this.leadership = new Leadership(this, registration.epoch, this.services);
    return this.leadership;
  }

  /** KIP-320: a client that knows another leader epoch than ours must refresh its metadata, or wait for ours. -1: it knows none. */
  checkLeaderEpoch(known: number): void {
    if (known === NO_EPOCH || known === this.epoch) return;
    throw new KafkaError(known < this.epoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH');
  }

  /**
   * Appends one batch that a client produced and `requireOneBatch` has passed, behind all that came before it: at once, or when it is prepared
   * (see ProduceLine). `produced` is called once, maybe before this returns: when the batch is written and, with `acks` -1, committed; or it is
   * refused, or cannot be promised within `timeoutMs`. The bytes stay untouched until it is written.
   * A transactional batch whose transaction is not open here comes with what `beginVerification` gave, once the transaction coordinator has said
   * that the transaction has this partition.
   * @throws KafkaError NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR: `produced` is then never called
   */
  produce(records: Uint8Array, acks: number, timeoutMs: number, produced: Produced, verification?: Verification): void {
    this.leading().produce(records, acks, timeoutMs, produced, verification);
  }

  /**
   * KIP-890: before a transactional batch of this producer is appended. Null: its transaction is open here, so there is nothing to verify. Else the
   * guard goes with the batch to `produce` or `append`, which refuse it with INVALID_TXN_STATE if a marker came meanwhile, and with
   * NOT_LEADER_OR_FOLLOWER if this leadership ended.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR
   */
  beginVerification(request: VerificationRequest): VerificationGuard | null {
    this.leading();
    return this.log.beginVerification(request);
  }

  /**
   * Appends the marker that ends a producer's transaction, also when nothing of it is here; offsets are given before this returns. `done` is called
   * as that of `append`.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR:
   * `done` is then never called
   */
  appendMarker(marker: TransactionMarker, done: Done, timeoutMs = Number.POSITIVE_INFINITY): AppendInfo {
    return this.leading().appendMarker(marker, timeoutMs, done);
  }

  /**
   * Appends one batch that this broker built; offsets are given before this returns. `done` is called when it is committed, or that cannot be
   * promised any more (NOT_LEADER_OR_FOLLOWER), or not within `timeoutMs`. The bytes stay untouched until it is written. `verification`: see `produce`.
   * @throws KafkaError when the batch is refused
   */
  append(records: Uint8Array, done: Done, timeoutMs = Number.POSITIVE_INFINITY, verification?: Verification): AppendInfo {
    return this.leading().append(records, timeoutMs, done, verification);
  }

  /** Calls `done` once everything before `offset` is committed; or with NOT_LEADER_OR_FOLLOWER. */
  whenCommitted(offset: number, done: Done): void {
    try {
      this.leading().whenCommitted(offset - 1, Number.POSITIVE_INFINITY, done);
    } catch (error) {
      done(asError(error));
    }
  }

  /**
   * Deletes the records before `offset` (-1: all that are committed), here; followers hear of it. Returns the offset.
   * @throws KafkaError OFFSET_OUT_OF_RANGE, POLICY_VIOLATION when records only go by compaction
   */
  deleteRecordsBefore(offset: number): number {
    const { log, highWatermark } = this;
    if (!log.mayDeleteRecords) throw new KafkaError('POLICY_VIOLATION');
    const to = offset === -1 ? highWatermark : offset;
    if (to > highWatermark) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    log.deleteRecordsBefore(to);
    this.moved();
    return to;
  }

  /** Deletes segments as retention says; returns how many. @throws KafkaError KAFKA_STORAGE_ERROR */
  applyRetention(): number {
    if (this.role === 'leader' && !this.draining) this.leading();
    const count = this.log.applyRetention();
    if (count > 0) this.moved();
    return count;
  }

  /** What `compact` would go through, see PartitionLog. @throws KafkaError KAFKA_STORAGE_ERROR */
  cleanable(nowMs: number): Cleanable {
    if (this.role === 'leader' && !this.draining) this.leading();
    return this.log.cleanable(nowMs);
  }

  /** Forgets records that later ones of their key replace. @throws KafkaError KAFKA_STORAGE_ERROR */
  compact(done: Parameters<PartitionLog['compact']>[0]): void {
    this.log.compact(done);
  }
  get compactedSoFar(): CompactionResult {
    return this.log.compactedSoFar;
  }

  /**
   * Where this replica's log ends, once nothing is in flight; nothing can come before somebody leads again (metadata-store rule 6 iii).
   * `done` may be called before this returns. Errors: NOT_LEADER_OR_FOLLOWER when somebody leads, KAFKA_STORAGE_ERROR.
   */
  endWithoutLeader(state: PartitionImage, done: (error: Error | null, end: LogEnd) => void): void {
    const { log } = this;
    this.update(state);
    log.drain(new KafkaError('NOT_LEADER_OR_FOLLOWER', OVER), () => {
      try {
        if (this.state.leader >= 0 || this.role !== 'none') throw new KafkaError('NOT_LEADER_OR_FOLLOWER', 'The partition has a leader');
        const { logEndOffset, logStartOffset } = log;
        done(null, { lastEpoch: logEndOffset > logStartOffset ? log.epochOf(logEndOffset - 1) : -1, logEndOffset });
      } catch (error) {
        done(asError(error), { lastEpoch: -1, logEndOffset: 0 });
      }
    });
  }

  /** Who has fallen behind leaves the ISR. */
  checkIsr(nowMs: number): void {
    this.leadership?.checkIsr(nowMs);
  }

  nextFetch(): NextFetch | null {
    return this.following?.nextFetch() ?? null;
  }
  appendFetched(leaderEpoch: number, fetched: Fetched, done: Done): void {
    if (this.following) this.following.appendFetched(leaderEpoch, fetched, done);
    else done(null);
  }
  truncate(leaderEpoch: number, diverging: DivergingEpoch, done: Done): void {
    if (this.following) this.following.truncate(leaderEpoch, diverging, done);
    else done(null);
  }
  restartAt(leaderEpoch: number, offset: number, done: Done): void {
    if (this.following) this.following.restartAt(leaderEpoch, offset, done);
    else done(null);
  }

  committed(): void {
    this.services.purgatory.wake(this.key);
    for (const watcher of this.consumers) watcher.stirred();
    for (const watcher of this.followers) watcher.stirred();
  }
  changed(): void {
    this.services.purgatory.wake(this.followerKey);
    for (const watcher of this.followers) watcher.stirred();
  }

  /** The high watermark or the log start has moved, here where others may read it. */
  moved(): void {
    this.committed();
    this.changed();
  }
  /** A coordinator's log is compacted on all its replicas, each by itself: it is soon loaded wherever it is led next. */
  grown(): void {
    if (this.compacts) this.services.compactions.request(this);
  }

  watch(watcher: Watcher, reader: Reader): void {
    if (reader === 'follower') this.followers = new Set(this.followers).add(watcher);
    else this.consumers = new Set(this.consumers).add(watcher);
  }
  unwatch(watcher: Watcher): void {
    this.followers = without(this.followers, watcher);
    this.consumers = without(this.consumers, watcher);
  }

  /** The role that the metadata and this broker's registration give (metadata-store rules 6 and 9). */
  private takeRole(): void {
    const { nodeId, registration } = this.services;
    const { leader, leaderEpoch, leaderBrokerEpoch, replicas } = this.state;
    const own = registration();
    const elected = leader === nodeId && (leaderBrokerEpoch === own?.epoch || !safetyRules.leadUnderOneRegistration);
    if (!own) this.become('none', this.epoch);
    else if (this.log.isOffline) this.become('none', Math.max(this.epoch, leaderEpoch));
    else if (elected) this.become('leader', leaderEpoch);
    else if (leader >= 0 && leader !== nodeId && replicas.includes(nodeId)) this.become('follower', leaderEpoch);
    else this.become('none', Math.max(this.epoch, leader === nodeId ? -1 : leaderEpoch));
  }

  private become(role: Role, epoch: number): void {
    if (role === this.role && epoch === this.epoch) {
      this.leadership?.adopted();
      return;
    }
    const wasFollower = this.role === 'follower';
    this.endRole(this.over());
    this.role = role;
    this.epoch = epoch;
    if (wasFollower && role !== 'follower') this.services.fetchers.unfollow(this);
    this.committed();
    this.changed();
    const change = ++this.changes;
    this.draining = true;
    // What is in flight belongs to the epoch before, also when this broker goes on leading: it must be in the log where the new epoch begins.
    this.log.drain(new KafkaError('NOT_LEADER_OR_FOLLOWER', OVER), () => {
      if (change !== this.changes) return;
      this.draining = false;
      this.beginRole();
    });
  }

  /**
   * Why it does not lead. Apache Kafka tells of a failed disk for as long as it lasts; here only until another leads: kafkajs consumers take
   * KAFKA_STORAGE_ERROR for no reason to look for a new leader, and stand still for half a minute.
   */
  private over(): KafkaError {
    const { leader } = this.state;
    if (!this.log.isOffline || (leader >= 0 && leader !== this.services.nodeId)) return new KafkaError('NOT_LEADER_OR_FOLLOWER', OVER);
    return new KafkaError('KAFKA_STORAGE_ERROR', OFFLINE);
  }

  /** Who is told that it is over finds no role any more. */
  private endRole(error: KafkaError): void {
    const { leadership, following } = this;
    this.leadership = null;
    this.following = null;
    this.role = 'none';
    following?.end();
    leadership?.end(error);
  }

  private beginRole(): void {
    const { role, epoch, log, services } = this;
    if (role === 'follower') {
      this.following = new Following(this, epoch);
      services.fetchers.follow(this, this.state.leader);
    } else if (role === 'leader') {
      try {
        log.startEpoch(epoch); // KIP-101: an epoch begins where the log ended, also when nothing was written in it
      } catch {
        // A disk that takes nothing now: the next append notes the epoch, or says what is wrong.
      }
      this.committed();
      this.changed();
    }
  }

  private requirementsOf({ log }: ReplicaConfig): Requirements {
    const rules = rulesOf(log, folderName({ topic: this.topic, partition: this.index }));
    return { rules, compression: log.compression, repeats: (batch) => this.log.repeats(batch) };
  }
}

function without(watchers: ReadonlySet<Watcher>, watcher: Watcher): ReadonlySet<Watcher> {
  if (!watchers.has(watcher)) return watchers;
  const left = new Set(watchers);
  left.delete(watcher);
  return left.size === 0 ? NOBODY : left;
}
