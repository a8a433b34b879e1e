import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { ProducerLimits } from './producer-state.ts';

/**
 * KIP-890: stands for one question to the transaction coordinator, whether a transaction has this partition. It lets the producer's next batch in,
 * unless something of the transaction came into the log meanwhile, its end above all: then the answer may be of a transaction that is over.
 */
export class VerificationGuard {
  /** The log had another role meanwhile: whoever sent the batch must ask who leads now. */
  isOver = false;
  /** Something of the transaction, or of the one before, came into the log meanwhile. */
  isSpent = false;
}

/** What comes with a transactional batch: its guard; nothing when the transaction is open here; or that this broker does not verify. */
export type Verification = VerificationGuard | 'off' | undefined;

export interface VerificationRequest {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Transactions v2: each transaction has an epoch of its own, and begins with sequence 0. */
  readonly supportsEpochBump: boolean;
}

interface Verifying {
  readonly guard: VerificationGuard;
  epoch: number;
  /** Of the batches that asked. */
  lowestSequence: number;
  readonly supportsEpochBump: boolean;
  readonly sinceMs: number;
}

/** The producers of one log whose transactions are being verified. Bounded as the producers are: the oldest must ask again. */
export class Verifications {
  private readonly clock: Clock;
  private readonly limits: ProducerLimits;
  private readonly pending = new Map<number, Verifying>();

  constructor(clock: Clock, limits: ProducerLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  /** The guard of a producer whose transaction is not open here; the same until something of it comes into the log. */
  begin({ producerId, producerEpoch: epoch, baseSequence, supportsEpochBump }: VerificationRequest): VerificationGuard {
    const sinceMs = this.clock.monotonicMs();
    for (const [id, { sinceMs: since }] of this.pending) {
      if (sinceMs - since < this.limits.expirationMs && this.pending.size < this.limits.maxProducers) break;
      this.end(id);
    }
    let known = this.pending.get(producerId);
    if (!known) {
      known = { guard: new VerificationGuard(), epoch, lowestSequence: baseSequence, supportsEpochBump, sinceMs };
      this.pending.set(producerId, known);
    }
    // A batch that waits for its answer must not be overtaken by later ones: they would be out of order for ever.
    if (epoch === known.epoch) known.lowestSequence = Math.min(known.lowestSequence, baseSequence);
    else if (epoch > known.epoch) {
      known.epoch = epoch;
      known.lowestSequence = baseSequence;
    }
    return known.guard;
  }

  /** @throws KafkaError INVALID_TXN_STATE, NOT_LEADER_OR_FOLLOWER: the batch cannot be in a transaction that is known to be open */
  require(producerId: number, verification: Verification): void {
    if (verification === 'off') return;
    if (verification?.isOver) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
    if (!verification || this.pending.get(producerId)?.guard !== verification)
      throw new KafkaError('INVALID_TXN_STATE', 'Record was not part of an ongoing transaction');
  }

  get(producerId: number): Pick<Verifying, 'lowestSequence' | 'supportsEpochBump'> | undefined {
    return this.pending.get(producerId);
  }

  /** Something of the producer's transaction is in the log. */
  end(producerId: number): void {
    const ended = this.pending.get(producerId);
    if (!ended) return;
    ended.guard.isSpent = true;
    this.pending.delete(producerId);
  }

  /** Others may lead now: what was verified for this leader says nothing to the next. */
  endAll(): void {
    for (const { guard } of this.pending.values()) guard.isOver = true;
    this.pending.clear();
  }
}
