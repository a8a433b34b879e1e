import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { PartitionImage } from '../metadata/image.ts';
import { canJoinIsr, effectiveMinIsr, isForeign, isLost, isOffline, isSuspect, mayCommit } from '../metadata/isr.ts';
import type { Rev } from '../metadata/store.ts';
import type { Requirements } from '../storage/batch-preparation.ts';
import type { Done } from '../storage/log-types.ts';
import type { AppendInfo, AppendOptions, PartitionLog } from '../storage/partition-log.ts';
import { type Produced, ProduceLine } from '../storage/produce-line.ts';
import type { TransactionMarker } from '../storage/producer-state.ts';
import type { Verification } from '../storage/verifications.ts';
import { type IsrOwner, IsrProposals } from './partition-isr.ts';
import { type PartitionServices, requireLease } from './partition-services.ts';
import { PendingAcks } from './pending-acks.ts';
import { type ReplicaFetch, ReplicaProgress } from './replica-progress.ts';

/** The partition that is led. */
export interface LedPartition {
  readonly log: PartitionLog;
  /** At the newest revision that this broker has seen. */
  readonly state: PartitionImage;
  /** min.insync.replicas of its topic. */
  readonly minIsr: number;
  readonly requirements: Requirements;
  update(state: PartitionImage): void;
  /** The high watermark has moved. */
  committed(): void;
  /** Records were written, or are gone: something new for followers. */
  changed(): void;
}

/**
 * One leadership of this broker: one leader epoch, under one registration. It appends, knows how far the other replicas are, and so what is
 * committed; it proposes who is in sync. All of it ends with the leadership.
 *
 * The high watermark is the least log end offset of all who count (IsrProposals.members), of finished writes only. It never falls, and stands
 * still while the committed ISR is below the effective min ISR (metadata-store rule 7).
 */
export class Leadership implements IsrOwner {
  readonly leader: { readonly id: number; readonly epoch: Rev };
  readonly leaderEpoch: number;
  /** Where its epoch begins: what lies before it was appended by others. */
  readonly startOffset: number;
  private readonly partition: LedPartition;
  private readonly log: PartitionLog;
  private readonly services: PartitionServices;
  private readonly line: ProduceLine;
  private readonly proposals: IsrProposals;
  private readonly acks: PendingAcks;
  /** All other replicas, by id. */
  private readonly replicas = new Map<number, ReplicaProgress>();
  /** Those whose records count now. */
  private counted: readonly ReplicaProgress[] = [];
  private mayCommit = false;
  /** Members that the ISR must have. */
  private wantedIsr = 1;
  /** The log end before the last write. */
  private writtenTo: number;
  private over: KafkaError | null = null;

  /** Opens the log. @throws KafkaError KAFKA_STORAGE_ERROR */
  constructor(partition: LedPartition, brokerEpoch: Rev, services: PartitionServices) {
    const { clock, slots, store, logger, nodeId } = services;
    this.partition = partition;
    this.log = partition.log;
    this.services = services;
    this.leader = { id: nodeId, epoch: brokerEpoch };
    this.leaderEpoch = partition.state.leaderEpoch;
    this.startOffset = this.log.logEndOffset;
    this.writtenTo = this.startOffset;
    this.proposals = new IsrProposals(this, store, clock, logger);
    this.acks = new PendingAcks(clock);
    this.line = new ProduceLine({
      clock,
      slots,
      requirements: () => partition.requirements,
      append: (records, valid, done, verification) => this.appendTo(records, { origin: 'client', valid, verification }, done),
    });
    this.recount();
  }

  get state(): PartitionImage {
    return this.partition.state;
  }
  get queuedBytes(): number {
    return this.line.queuedBytes;
  }
  get queuedBatches(): number {
    return this.line.queuedBatches;
  }
  /** KIP-207: after an election the high watermark may stand below what was acknowledged, until the ISR has fetched. */
  get isCaughtUp(): boolean {
    return this.log.highWatermark >= this.startOffset;
  }

  /** @throws KafkaError NOT_ENOUGH_REPLICAS */
  requireMinIsr(): void {
    const { length } = this.state.isr;
    if (length < this.wantedIsr)
      throw new KafkaError(
        'NOT_ENOUGH_REPLICAS',
        `The ISR has ${length} of the ${this.wantedIsr} members that min.insync.replicas asks for`,
      );
  }

  /**
   * See ProduceLine.take. With `acks` -1 `produced` is called when the batch is committed, or cannot be in time.
   * @throws KafkaError NOT_ENOUGH_REPLICAS, NOT_LEADER_OR_FOLLOWER: `produced` is then never called
   */
  produce(records: Uint8Array, acks: number, timeoutMs: number, produced: Produced, verification?: Verification): void {
    if (acks === -1) this.requireMinIsr();
    else requireLease(this.services);
    const whenAppended: Produced = (error, appended) => {
      if (!appended) produced(error, null);
      else if (acks === -1) this.whenCommitted(appended.lastOffset, timeoutMs, (failure) => produced(failure, failure ? null : appended));
      else this.acknowledgeAlone(appended, produced);
    };
    this.line.take(records, whenAppended, verification);
  }

  /** Appends one batch that this broker built; `done` is called when it is committed. @throws KafkaError when it is refused */
  append(records: Uint8Array, timeoutMs: number, done: Done, verification?: Verification): AppendInfo {
    return this.appendOwn(timeoutMs, done, (written) => this.appendTo(records, { origin: 'coordinator', verification }, written));
  }

  /** Appends the marker that ends a transaction; `done` is called when it is committed. @throws KafkaError when it is refused */
  appendMarker(marker: TransactionMarker, timeoutMs: number, done: Done): AppendInfo {
    return this.appendOwn(timeoutMs, done, (written) => this.log.appendMarker(marker, this.leaderEpoch, this.noting(written)));
  }

  private appendOwn(timeoutMs: number, done: Done, append: (written: Done) => AppendInfo): AppendInfo {
    if (this.over) throw this.over;
    this.requireMinIsr();
    const appended: AppendInfo = append((error) => {
      if (error) done(error);
      else this.whenCommitted(appended.lastOffset, timeoutMs, done);
    });
    return appended;
  }

  /** Calls `done` once: the high watermark has passed `offset`; or NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND. */
  whenCommitted(offset: number, timeoutMs: number, done: Done): void {
    if (this.over) done(this.over);
    else if (this.log.highWatermark > offset) done(this.afterAppend());
    else this.acks.add(offset, timeoutMs, done);
  }

  /** Whether this broker may fetch as a follower. @throws KafkaError NOT_LEADER_OR_FOLLOWER: it has no replica, or registered anew since */
  checkReplica(id: number, brokerEpoch: Rev): ReplicaProgress {
    const replica = this.replicas.get(id);
    if (!replica) throw new KafkaError('NOT_LEADER_OR_FOLLOWER', `Broker ${id} has no replica of this partition`);
    if (brokerEpoch < replica.brokerEpoch) throw new KafkaError('NOT_LEADER_OR_FOLLOWER', `Broker ${id} has registered anew since`);
    return replica;
  }

  /** Nothing is to be done for this replica: it is in the ISR, with the disk that it has. */
  isAdmitted(id: number): boolean {
    const replica = this.replicas.get(id);
    return replica ? replica.counts && !replica.toAdmit : false;
  }

  /** A follower has fetched, and its log does not diverge from ours before the offset of its fetch. @throws KafkaError as `checkReplica` */
  noteFetch(fetch: ReplicaFetch): void {
    const replica = this.checkReplica(fetch.replicaId, fetch.brokerEpoch);
    if (fetch.brokerEpoch !== replica.brokerEpoch) this.registered(replica, fetch.brokerEpoch);
    const { logStartOffset } = replica;
    replica.noteFetch(fetch, this.log.logEndOffset, this.services.clock.monotonicMs());
    if (replica.counts) this.advance();
    if (replica.toAdmit) this.admit();
    if (replica.logStartOffset !== logStartOffset) this.partition.committed(); // DeleteRecords waits for it
  }

  /** The partition, its configuration or the brokers are not what they were. */
  adopted(): void {
    this.proposals.seen(this.state.rev);
    this.recount();
  }

  adopt(state: PartitionImage): void {
    this.partition.update(state);
  }

  recount(): void {
    if (this.over) return;
    const { state, minIsr } = this.partition;
    this.keepReplicas(state);
    const members = this.proposals.members(state.isr);
    this.counted = [...members].filter((id) => id !== this.leader.id).map((id) => this.replica(id));
    this.mayCommit = mayCommit(state, minIsr);
    this.wantedIsr = effectiveMinIsr(state, minIsr);
    for (const replica of this.replicas.values()) this.judge(replica, state);
    this.advance();
    this.admit();
  }

  /** Takes out of the ISR who has fallen behind: replica.lag.time.max.ms. */
  checkIsr(nowMs: number): void {
    if (this.replicas.size === 0) return;
    const { state } = this.partition;
    const { logEndOffset } = this.log;
    const maxLagMs = this.services.maxLagMs();
    const isr = state.isr.filter((id) => id === this.leader.id || this.replica(id).isCaughtUp(logEndOffset, nowMs, maxLagMs));
    if (isr.length < state.isr.length) this.proposals.propose(isr, this.facts([]));
  }

  /** The least log start of all replicas that are alive: what is gone everywhere. */
  lowWatermark(): number {
    let low = this.log.logStartOffset;
    const { brokers } = this.services.image();
    for (const { id, logStartOffset } of this.replicas.values()) if (brokers.has(id)) low = Math.min(low, logStartOffset);
    return low;
  }

  /** In-sync replicas that hold `offset`, this one left out: whom a consumer may be sent to (KIP-392). */
  *holding(offset: number): Generator<ReplicaProgress> {
    for (const replica of this.replicas.values()) {
      const { id, logStartOffset, logEndOffset } = replica;
      if (logStartOffset <= offset && offset <= logEndOffset && this.state.isr.includes(id)) yield replica;
    }
  }

  /** Nothing more is appended or acknowledged: what is under way fails with `error`. */
  end(error: KafkaError): void {
    this.over = error;
    this.proposals.end();
    this.line.close(error);
    this.acks.fail(error);
  }

  private appendTo(records: Uint8Array, how: Omit<AppendOptions, 'leaderEpoch'>, done: Done): AppendInfo {
    return this.log.append(records, { ...how, leaderEpoch: this.leaderEpoch }, this.noting(done));
  }

  private noting(done: Done): Done {
    return (error) => {
      if (!error) this.wrote();
      done(error);
    };
  }

  private acknowledgeAlone(appended: AppendInfo, produced: Produced): void {
    let failure = this.over;
    try {
      requireLease(this.services);
    } catch (error) {
      failure ??= error as KafkaError;
    }
    produced(failure, failure ? null : appended);
  }

  private wrote(): void {
    if (this.over) return;
    const { logEndOffset } = this.log;
    if (this.replicas.size > 0) {
      for (const replica of this.replicas.values()) replica.heldAll(this.writtenTo, this.services.clock);
      this.partition.changed();
    }
    this.writtenTo = logEndOffset;
    this.advance();
  }

  /** Moves the high watermark on, if all who count have more than it. */
  private advance(): void {
    const { log } = this;
    if (!this.mayCommit || this.over || log.isOffline) return;
    let offset = log.logEndOffset;
    for (const { logEndOffset, counts } of this.counted) {
      if (!counts) return;
      if (logEndOffset < offset) offset = logEndOffset;
    }
    if (offset <= log.highWatermark) return;
    log.commitTo(offset);
    if (this.acks.size > 0) this.acks.settle(offset, this.afterAppend());
    this.partition.committed();
  }

  private afterAppend(): KafkaError | null {
    return this.state.isr.length < this.wantedIsr ? new KafkaError('NOT_ENOUGH_REPLICAS_AFTER_APPEND') : null;
  }

  /** Proposes to admit all who have caught up. */
  private admit(): void {
    if (this.proposals.busy || this.log.isOffline) return;
    const { state, leader } = this;
    const joining = [...this.replicas.values()].filter((replica) => replica.toAdmit && this.mayJoin(replica));
    if ((joining.length === 0 && !this.emptiesElr()) || !state.isr.includes(leader.id)) return;
    const ids = joining.map(({ id }) => id);
    const isr = [...state.isr, ...ids.filter((id) => !state.isr.includes(id))];
    const admitted = joining.map(({ id, brokerEpoch: epoch }) => ({ id, epoch }));
    this.proposals.propose(isr, this.facts(ids), admitted);
  }

  /** KIP-966: min.insync.replicas was lowered, so that nobody needs to be eligible besides the ISR; nothing is committed before that is written. */
  private emptiesElr(): boolean {
    const { elr, isr } = this.state;
    return elr.length > 0 && isr.length >= this.wantedIsr && safetyRules.emptyElrAtMinIsr;
  }

  /** It has all that is committed, and all that was there when this leadership began: that may have been acknowledged, too. */
  private mayJoin(replica: ReplicaProgress): boolean {
    const { id, logEndOffset, brokerEpoch } = replica;
    const { clock, maxLagMs } = this.services;
    if (!replica.hasFetchedSince(clock.monotonicMs() - maxLagMs())) return false;
    if (logEndOffset < 0 || logEndOffset < this.log.highWatermark) return false;
    if (logEndOffset < this.startOffset && safetyRules.expandBeyondEpochStart) return false;
    return canJoinIsr(this.services.image(), this.state, id, brokerEpoch);
  }

  private facts(readmitted: readonly number[]) {
    const { brokers } = this.services.image();
    return { minIsr: this.partition.minIsr, diskOf: (id: number) => brokers.get(id), readmitted };
  }

  private registered(replica: ReplicaProgress, brokerEpoch: Rev): void {
    replica.brokerEpoch = brokerEpoch;
    replica.disk = undefined;
    this.judge(replica, this.state);
  }

  private judge(replica: ReplicaProgress, state: PartitionImage): void {
    const { id } = replica;
    const image = this.services.image();
    const broker = image.brokers.get(id);
    if (broker?.epoch === replica.brokerEpoch) replica.disk = broker;
    const { disk } = replica;
    // A registration that this broker has not heard of yet says nothing about the disk.
    const isAdmitted = disk !== undefined && !isForeign(state, id, disk) && !isSuspect(state, id, disk) && !isLost(image, state, id);
    replica.counts = isAdmitted && !isOffline(image, state, id);
    replica.toAdmit = disk !== undefined && (!state.isr.includes(id) || !replica.counts);
  }

  private keepReplicas({ replicas }: PartitionImage): void {
    for (const id of replicas) if (id !== this.leader.id) this.replica(id);
    for (const id of this.replicas.keys()) if (!replicas.includes(id)) this.replicas.delete(id);
  }

  private replica(id: number): ReplicaProgress {
    let replica = this.replicas.get(id);
    if (!replica) {
      // Who is in the ISR counts as caught up for now: it gets the full time to fetch.
      replica = new ReplicaProgress(id, this.state.isr.includes(id) ? this.services.clock.monotonicMs() : Number.NEGATIVE_INFINITY);
      this.replicas.set(id, replica);
    }
    return replica;
  }
}
