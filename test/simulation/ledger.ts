import type { PartitionValue } from '../../src/metadata/values.ts';
import { LogIndex, type StoredBatch, same, show } from './log-index.ts';

/** What a run broke, with the words of the transcript. */
export class Violation extends Error {
  override name = 'Violation';
  readonly kind: string;
  constructor(kind: string, what: string) {
    super(`${kind}: ${what}`);
    this.kind = kind;
  }
}

/** A replica as its broker shows it. */
export interface ReplicaView {
  readonly leads: boolean;
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
}

/** One disk's share of a partition. */
interface Share {
  readonly log: LogIndex;
  /** Batches that this disk lost, by base offset, and has not got back on an admitted disk; `ever`: also those from before. */
  readonly lost: Map<number, StoredBatch>;
  readonly ever: Map<number, StoredBatch>;
  /** Below this the replica was compared with what is committed. */
  checkedTo: number;
  highWatermark: number;
}

/** What the ledger asks about the machines. */
export interface Machines {
  /** Whether the disk of `id` is the one in `disks`, and its broker is registered by the process that runs. */
  isAdmitted(id: number, value: PartitionValue): boolean;
  runsRegistered(id: number): boolean;
}

/**
 * The history of one partition as an all-seeing observer writes it: what was committed, what each disk lost, who led which epoch. It asserts
 * what the model of the rules (metadata-store section 6) asserts.
 */
export class Ledger {
  readonly topicId: string;
  readonly index: number;
  private readonly nameNow: () => string;
  minIsr: number;
  value: PartitionValue;
  revision = 0;
  /** Losses beyond what is promised: nothing more can be said of this partition's records. */
  tainted = false;
  readonly committed: StoredBatch[] = [];
  committedTo = 0;
  readonly counts = { elections: 0, lowWatermarks: 0, truncations: 0, lostBatches: 0 };
  private readonly shares = new Map<number, Share>();
  private readonly machines: Machines;
  /** Leader epoch -> who led it, and its highest high watermark. */
  private readonly leaders = new Map<number, { who: string; highWatermark: number }>();
  private readonly sequences = new Map<string, number>();

  constructor(of: { topicId: string; index: number; name: () => string }, minIsr: number, value: PartitionValue, machines: Machines) {
    this.topicId = of.topicId;
    this.index = of.index;
    this.nameNow = of.name;
    this.minIsr = minIsr;
    this.value = value;
    this.machines = machines;
  }

  /** A partition's keys are written before its topic's name. */
  get name(): string {
    return this.nameNow();
  }

  /** Its records may be forgotten one by one: those of coordinators. */
  get isCompacted(): boolean {
    return this.name.startsWith('__');
  }

  get effectiveMinIsr(): number {
    const { replicas, adding, removing } = this.value;
    return Math.max(1, Math.min(this.minIsr, replicas.length - adding.length, replicas.length - removing.length));
  }

  share(id: number): Share {
    let share = this.shares.get(id);
    if (!share) {
      share = { log: new LogIndex(() => this.name), lost: new Map(), ever: new Map(), checkedTo: 0, highWatermark: 0 };
      this.shares.set(id, share);
    }
    return share;
  }

  /** The store took a new value of the partition. */
  partitionWritten(value: PartitionValue, revision: number): void {
    const before = this.value;
    this.value = value;
    this.revision = revision;
    if (value.leaderEpoch !== before.leaderEpoch && value.leader >= 0) this.counts.elections++;
    if (value.isr.length < this.effectiveMinIsr) return;
    this.forgetHealed();
  }

  /** A replica's disk changed behind its broker's back: what was there before and is no longer, is lost. */
  diskLost(id: number, before: readonly StoredBatch[]): void {
    const share = this.share(id);
    for (const batch of before) {
      if (this.holds(share.log, batch)) continue;
      share.lost.set(batch.baseOffset, batch);
      share.ever.set(batch.baseOffset, batch);
      this.counts.lostBatches++;
    }
    share.checkedTo = 0;
  }

  /** A process began: what it knows of the replica is read anew. */
  processBegan(id: number): void {
    const share = this.share(id);
    share.checkedTo = 0;
    share.highWatermark = 0;
  }

  /** A replica as it stands after an event, its log index fresh. `who`: the process. */
  observe(id: number, who: string, now: ReplicaView, before: ReplicaView | undefined): void {
    const { logStartOffset, lastStableOffset, highWatermark, logEndOffset } = now;
    if (!(logStartOffset <= lastStableOffset && lastStableOffset <= highWatermark && highWatermark <= logEndOffset)) {
      this.fail(
        'ORDER',
        `${who}: log start ${logStartOffset} <= LSO ${lastStableOffset} <= HW ${highWatermark} <= LEO ${logEndOffset} does not hold`,
      );
    }
    if (before && logEndOffset < before.logEndOffset) this.counts.truncations++;
    const share = this.share(id);
    const onDisk = share.log.endOffset;
    if (onDisk > 0 && logEndOffset > onDisk) this.fail('UNWRITTEN', `${who}: LEO ${logEndOffset}, the disk ends at ${onDisk}`);
    if (logEndOffset < share.checkedTo) share.checkedTo = logEndOffset;
    if (now.leads) this.observeLeader(id, who, now, !before?.leads || before.leaderEpoch !== now.leaderEpoch);
    else {
      // Its high watermark rose and its leadership ended within one event.
      if (before?.leads && highWatermark > before.highWatermark) {
        this.commit(id, who, before.highWatermark, highWatermark, this.value.leaderEpoch === before.leaderEpoch);
      }
      this.compare(id, who, highWatermark);
    }
    share.highWatermark = highWatermark;
  }

  /** A client was told that its batch is committed. */
  acknowledged(offset: number, crc: number, who: string): void {
    if (this.tainted) return;
    const there = this.committedAt(offset);
    if (!there || there.crc !== crc) {
      this.fail('ACK', `${who} was told of #${crc.toString(16)} at ${offset}, where ${there ? show(there) : 'nothing'} is committed`);
    }
  }

  /** A client read a batch. */
  wasRead(batch: StoredBatch, who: string): void {
    if (this.tainted) return;
    const there = this.committedAt(batch.baseOffset);
    if (!there || !same(there, batch))
      this.fail('READ', `${who} read ${show(batch)}, committed is ${there ? show(there) : 'nothing there'}`);
  }

  committedAt(offset: number): StoredBatch | undefined {
    const { committed } = this;
    let low = 0;
    let high = committed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (committed[middle]!.baseOffset < offset) low = middle + 1;
      else high = middle;
    }
    return committed[low]?.baseOffset === offset ? committed[low] : undefined;
  }

  /** Everything that was committed lies in this disk's log. */
  requireAll(id: number, when: string): void {
    if (this.tainted) return;
    const { log } = this.share(id);
    for (const batch of this.committed) {
      if (this.holds(log, batch)) continue;
      if (this.isExcused(batch)) {
        this.tainted = true;
        return;
      }
      const there = log.at(batch.baseOffset);
      this.fail(
        'LOSS',
        `${when}: broker ${id} has ${there ? show(there) : 'nothing'} in place of committed ${show(batch)}; LEO ${log.endOffset}, ${this.state()}`,
      );
    }
  }

  state(): string {
    const { leader, leaderEpoch, leaderBrokerEpoch, isr, elr } = this.value;
    return `leader ${leader} epoch ${leaderEpoch} under ${leaderBrokerEpoch} isr [${isr}] elr [${elr}]`;
  }

  fail(kind: string, what: string): never {
    throw new Violation(kind, `${this.name} ${what}`);
  }

  private observeLeader(id: number, who: string, now: ReplicaView, isNew: boolean): void {
    const { leaderEpoch, highWatermark } = now;
    const known = this.leaders.get(leaderEpoch);
    if (known && known.who !== who && !this.tainted) this.fail('TWO LEADERS', `${known.who} and ${who} lead in epoch ${leaderEpoch}`);
    const reign = known ?? { who, highWatermark: 0 };
    if (!known) this.leaders.set(leaderEpoch, reign);
    const current = this.value.leaderEpoch === leaderEpoch;
    if (isNew && current) {
      if (highWatermark < this.committedTo) this.counts.lowWatermarks++;
      this.requireAll(id, `${who} leads in epoch ${leaderEpoch}`);
    }
    if (highWatermark < reign.highWatermark && !this.tainted) {
      this.fail('WATERMARK', `${who}: HW went from ${reign.highWatermark} to ${highWatermark} in epoch ${leaderEpoch}`);
    }
    const share = this.share(id);
    if (!isNew && highWatermark > share.highWatermark) this.commit(id, who, share.highWatermark, highWatermark, current);
    else if (isNew) this.commit(id, who, 0, highWatermark, false);
    reign.highWatermark = Math.max(reign.highWatermark, highWatermark);
  }

  /** A leader's high watermark passed these. */
  private commit(id: number, who: string, from: number, to: number, current: boolean): void {
    if (this.tainted) return;
    for (const batch of this.share(id).log.between(from, to)) {
      if (batch.baseOffset < this.committedTo) {
        this.compareOne(id, who, batch);
        continue;
      }
      this.checkSequence(batch, who);
      if (current) this.requireHeld(batch, who);
      this.committed.push(batch);
      this.committedTo = batch.lastOffset + 1;
    }
  }

  /** KIP-497: what is committed lies on all members of the ISR, and of any ISR that may still be written. */
  private requireHeld(batch: StoredBatch, who: string): void {
    for (const member of this.membersThatCount()) {
      const { log, lost } = this.share(member);
      const isLost = lost.get(batch.baseOffset);
      if (this.holds(log, batch) || (isLost && this.equal(isLost, batch))) continue;
      this.fail('WATERMARK', `${who} counts ${show(batch)} as committed, member ${member} has not got it; ${this.state()}`);
    }
  }

  /** Set by the checker: members of proposals under way. */
  proposed: () => Iterable<number> = () => [];

  private membersThatCount(): Set<number> {
    return new Set([...this.value.isr, ...this.proposed()]);
  }

  private compare(id: number, who: string, upTo: number): void {
    const share = this.share(id);
    if (this.tainted || upTo <= share.checkedTo) return;
    for (const batch of share.log.between(share.checkedTo, upTo)) {
      if (this.tainted) return;
      this.compareOne(id, who, batch);
      share.checkedTo = batch.lastOffset + 1;
    }
  }

  private compareOne(id: number, who: string, batch: StoredBatch): void {
    const expected = this.committedAt(batch.baseOffset);
    if (expected && this.equal(expected, batch)) return;
    const covering = expected ?? this.committed.find(({ lastOffset }) => lastOffset >= batch.baseOffset);
    if (covering && this.isExcused(covering)) {
      this.tainted = true;
      return;
    }
    this.fail(
      'DIFFERENCE',
      `${who} (broker ${id}) has ${show(batch)} below its HW, committed is ${covering ? show(covering) : `only up to ${this.committedTo}`}; ${this.state()}`,
    );
  }

  private checkSequence({ producerId, producerEpoch, baseSequence, baseOffset, lastOffset }: StoredBatch, who: string): void {
    if (producerId < 0 || baseSequence < 0) return;
    const key = `${producerId}/${producerEpoch}`;
    const expected = this.sequences.get(key) ?? 0;
    if (baseSequence !== expected)
      this.fail('SEQUENCE', `${who} commits sequence ${baseSequence} of producer ${key} at ${baseOffset}, ${expected} is next`);
    this.sequences.set(key, baseSequence + (lastOffset - baseOffset) + 1);
  }

  /** Whether a log holds a batch, or has compacted it away. */
  holds(log: LogIndex, batch: StoredBatch): boolean {
    if (!this.isCompacted) return log.has(batch);
    const there = log.at(batch.baseOffset);
    return there ? there.epoch === batch.epoch : log.endOffset > batch.lastOffset;
  }

  private equal(a: StoredBatch, b: StoredBatch): boolean {
    return this.isCompacted ? a.epoch === b.epoch && a.baseOffset === b.baseOffset : same(a, b);
  }

  private isExcused(batch: StoredBatch): boolean {
    let disks = 0;
    for (const { lost } of this.shares.values()) {
      const there = lost.get(batch.baseOffset);
      if (there && this.equal(there, batch)) disks++;
    }
    return disks >= this.effectiveMinIsr;
  }

  /** Losses that the ISR, min ISR members or more on admitted disks, has made good are forgotten; one admitted after it died counts again. */
  private forgetHealed(): void {
    let any = false;
    for (const { ever } of this.shares.values()) if (ever.size > 0) any = true;
    if (!any) return;
    for (const batch of this.committed) {
      let all = true;
      for (const id of this.value.isr) {
        const share = this.share(id);
        const has = this.holds(share.log, batch);
        const gone = share.ever.get(batch.baseOffset);
        if (gone && this.equal(gone, batch) && !has && !this.machines.runsRegistered(id)) share.lost.set(batch.baseOffset, batch);
        if (!has || !this.machines.isAdmitted(id, this.value)) all = false;
      }
      if (all) for (const { lost } of this.shares.values()) lost.delete(batch.baseOffset);
    }
  }
}
