import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { InitProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { Produce } from '../../src/protocol/messages/produce.ts';
import type { Checker } from './checker.ts';
import { accept, Client, Refused } from './client.ts';
import type { World } from './machine.ts';

export interface ProducerOptions {
  readonly topic: string;
  readonly partition: number;
  readonly acks: -1 | 1;
  readonly idempotent: boolean;
  /** Ms between two batches, about. */
  readonly everyMs: number;
}

/** An acknowledged batch, for the reading at the end. */
export interface Acknowledged {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly crc: number;
}

const RETRY_MS = 40;
/** A batch is given up after this; its producer id with it. */
const GIVE_UP_MS = 30_000;
/** Batches of this size are written asynchronously, and so is what comes while they are: one in so many. */
const LARGE_BYTES = 140_000;
const LARGE_PART = 0.02;
const CRC_POSITION = 17;

/** Errors after which an idempotent producer begins again under a new id (Kafka's own producer fails). */
const FATAL = new Set<number>(
  (['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'] as const).map(
    (name) => ERROR_CODES[name].code,
  ),
);

/** Writes batches of records that nobody else writes, one after the other, and tells the checker of each that is acknowledged. */
export class Producer extends Client {
  readonly acknowledged: Acknowledged[] = [];
  readonly counts = { sent: 0, acknowledged: 0, refused: 0, givenUp: 0 };
  /** The longest that a batch with acks=all took until it was acknowledged, and when it began. */
  longest = { ms: 0, at: 0 };
  /** When, in ms; 0: never. */
  lastAcknowledgedAt = 0;
  private readonly options: ProducerOptions;
  private readonly checker: Checker;
  private identity = { producerId: -1, producerEpoch: -1 };
  private sequence = 0;
  private stopped = false;

  constructor(name: string, world: World, brokerIds: readonly number[], checker: Checker, options: ProducerOptions) {
    super(name, world, brokerIds);
    this.checker = checker;
    this.options = options;
  }

  get partition(): number {
    return this.options.partition;
  }

  start(): void {
    this.begin(async () => {
      for (let n = 0; !this.stopped; n++) {
        await this.writeOne(n);
        await this.sleep(this.random.between(0.2, 1.8) * this.options.everyMs);
      }
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private async writeOne(n: number): Promise<void> {
    const { topic, partition, acks, idempotent } = this.options;
    const count = 1 + this.random.below(3);
    const values = Array.from({ length: count }, (_, i) => `${this.name}/${n}/${i}`);
    if (this.random.chance(LARGE_PART)) values[0] += '.'.repeat(LARGE_BYTES);
    const begun = this.now;
    this.counts.sent++;
    while (!this.stopped) {
      try {
        if (idempotent && this.identity.producerId < 0) await this.identify();
        const records = batchBytes({ values, ...(idempotent && { ...this.identity, baseSequence: this.sequence }) });
        const crc = records.readUInt32BE(CRC_POSITION);
        const offset = await this.send(records);
        if (acks === -1) {
          this.checker.ledger(topic, partition)?.acknowledged(offset, crc, this.name);
          this.acknowledged.push({ topic, partition, offset, crc });
          if (this.now - begun > this.longest.ms) this.longest = { ms: this.now - begun, at: begun };
        }
        this.counts.acknowledged++;
        this.lastAcknowledgedAt = this.now;
        this.sequence += count;
        return;
      } catch (error) {
        if (error instanceof Error && error.name === 'Violation') throw error;
        this.counts.refused++;
        this.world.trace.event(this.name, `refused: ${error instanceof Error ? error.message : String(error)}`);
        this.forgetLeaders();
        const fatal = error instanceof Refused && FATAL.has(error.code);
        if (fatal)
          this.world.trace.tell(this.name, `begins anew: ${error.message} at sequence ${this.sequence} of ${this.identity.producerId}`);
        if (fatal || !idempotent || this.now - begun > GIVE_UP_MS) {
          // What became of the batch nobody knows: it is not sent again under the same name.
          this.identity = { producerId: -1, producerEpoch: -1 };
          this.sequence = 0;
          this.counts.givenUp++;
          await this.sleep(RETRY_MS);
          return;
        }
        await this.sleep(RETRY_MS);
      }
    }
  }

  private async send(records: Buffer): Promise<number> {
    const { topic, partition, acks } = this.options;
    const leader = await this.leaderOf(topic, partition);
    const answer = await this.ask(leader.id, Produce, 9, {
      acks,
      timeoutMs: 3_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    });
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    accept(errorCode);
    return baseOffset;
  }

  private async identify(): Promise<void> {
    const answer = await this.ask(this.anyBroker(), InitProducerId, 2, { transactionalId: null, transactionTimeoutMs: 60_000 });
    accept(answer.errorCode);
    this.identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    this.sequence = 0;
  }
}
