import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { PartitionImage } from '../metadata/image.ts';
import { type IsrWrite, isrChange, type MemberFacts, writeIsr } from '../metadata/isr.ts';
import { partitionKey } from '../metadata/keys.ts';
import { type MetadataStore, type Rev, UnavailableError } from '../metadata/store.ts';
import { type PartitionValue, parsePartition } from '../metadata/values.ts';

/** Who proposes: one leadership. */
export interface IsrOwner {
  /** The partition at the newest revision that this broker has seen. */
  readonly state: PartitionImage;
  /** The registration under which it leads. */
  readonly leader: { readonly id: number; readonly epoch: Rev };
  /** Takes over a state that is newer than its own; others have no effect. */
  adopt(state: PartitionImage): void;
  /** The members that count may be others now, and another proposal may be made. */
  recount(): void;
}

type Facts = Pick<MemberFacts, 'minIsr' | 'diskOf' | 'readmitted'>;
type Admitted = IsrWrite['admitted'];

/** After a write that had no effect: its conditions may be ahead of what this broker has seen, or the store may not answer. */
const RETRY_MS = 100;
const NOBODY: readonly number[] = [];

/**
 * The changes of the ISR that a leader proposes, one at a time, and what counts while one is not settled (metadata-store rules 4 and 7):
 *
 * - under way: its members count beside the committed ones (KIP-497);
 * - in doubt, after InDoubtError: they go on counting until the partition is seen at a higher revision. Reading it unchanged proves nothing, since
 *   the write may still come through; so a write at the same revision forces it: one of the two can only fail.
 */
export class IsrProposals {
  private readonly store: MetadataStore;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly owner: IsrOwner;
  /** The ISR of the write under way. */
  private proposed = NOBODY;
  /** Members of writes in doubt. */
  private doubted = NOBODY;
  private baseRev: Rev = 0;
  private writing = false;
  private retry: Timer | null = null;
  private ended = false;

  constructor(owner: IsrOwner, store: MetadataStore, clock: Clock, logger: Logger) {
    this.owner = owner;
    this.store = store;
    this.clock = clock;
    this.logger = logger;
  }

  /** No other can be proposed now. */
  get busy(): boolean {
    return this.writing || this.retry !== null || this.ended;
  }

  /** All whose records count: of the committed ISR, and of every proposal that may yet become it. */
  members(isr: readonly number[]): ReadonlySet<number> {
    if (!safetyRules.watermarkCountsProposal) return new Set(isr);
    if (!safetyRules.watermarkCountsCommittedIsr && this.proposed.length > 0) return new Set(this.proposed);
    return new Set([...isr, ...this.proposed, ...this.doubted]);
  }

  /** Writes another ISR; with the one that stands, what follows from it: an ELR that is to be emptied, a disk that is admitted again. */
  propose(isr: readonly number[], facts: Facts, admitted: Admitted = []): void {
    if (!this.busy) void this.write(isr, isrChange(withoutKey(this.owner.state), isr, facts), admitted);
  }

  /** The partition was seen at this revision: what was proposed at an older one is settled. */
  seen(rev: Rev): void {
    if (rev <= this.baseRev) return;
    this.doubted = NOBODY;
    if (!this.writing) this.proposed = NOBODY;
  }

  /** The leadership is over, at a higher revision: nothing that it proposed can come through any more, or count. */
  end(): void {
    this.ended = true;
    this.retry?.cancel();
    this.retry = null;
  }

  private async write(isr: readonly number[], value: PartitionValue, admitted: Admitted): Promise<void> {
    const { state, leader } = this.owner;
    const { topicId, partition, rev: base } = state;
    this.writing = true;
    this.proposed = isr;
    this.baseRev = base;
    this.owner.recount();
    let refused = true;
    try {
      const { ok, rev } = await writeIsr(this.store, { partition: state, value, leader, admitted });
      this.proposed = NOBODY;
      refused = !ok;
      if (ok) this.owner.adopt({ ...value, topicId, partition, rev });
    } catch (error) {
      if (!(error instanceof UnavailableError) && safetyRules.doubtKeepsProposal) this.doubted = [...new Set([...this.doubted, ...isr])];
      this.proposed = NOBODY;
      this.logger.debug({ topicId, partition, err: error }, 'a change of the ISR was not confirmed');
    }
    if (refused && !this.ended) await this.readAgain(topicId, partition);
    this.writing = false;
    if (this.ended) return;
    if (!safetyRules.doubtSettledByWrite) this.doubted = NOBODY;
    if (refused) this.retry = this.clock.after(RETRY_MS, () => this.tryAgain());
    this.owner.recount();
  }

  private tryAgain(): void {
    this.retry = null;
    const value = withoutKey(this.owner.state);
    if (this.doubted.length > 0) void this.write(value.isr, { ...value, partitionEpoch: value.partitionEpoch + 1 }, []);
    else this.owner.recount();
  }

  private async readAgain(topicId: string, partition: number): Promise<void> {
    const key = partitionKey(topicId, partition);
    try {
      const { kv } = await this.store.get(key);
      if (kv && !this.ended) this.owner.adopt({ ...parsePartition(key, kv.value), topicId, partition, rev: kv.rev });
    } catch (error) {
      this.logger.debug({ topicId, partition, err: error }, 'a partition could not be read');
    }
  }
}

function withoutKey({ topicId: _topicId, partition: _partition, rev: _rev, ...value }: PartitionImage): PartitionValue {
  return value;
}
