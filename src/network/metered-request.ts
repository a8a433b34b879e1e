import type { Clock } from '../core/clock.ts';
import { fetchingReplica } from '../handlers/fetch-source.ts';
import type { Answer } from '../handlers/handler.ts';
import { Fetch, Produce } from '../protocol/messages/index.ts';
import type { Api, RequestOf } from '../protocol/schema.ts';
import { anonymous, type ClientQuotas, type QuotaClient } from '../security/client-quotas.ts';

/**
 * One request where quotas are set: what it cost, and how long its client must wait for that. What its handler answers as throttle_time_ms (it fetched,
 * created or deleted too much) counts, too: the longest wait holds.
 */
export class MeteredRequest {
  private readonly quotas: ClientQuotas;
  private readonly clock: Clock;
  private readonly client: QuotaClient;
  private readonly producedBytes: number;
  private readonly isTimed: boolean;
  private sinceMs: number;
  private workedMs = 0;
  private isCharged = false;
  /** How long the client must wait, once its answer is charged. */
  throttleMs = 0;

  /** @param sinceMs when the work on it began */
  constructor(quotas: ClientQuotas, clock: Clock, sinceMs: number, { api, request, clientId, frameBytes }: Received) {
    this.quotas = quotas;
    this.clock = clock;
    this.client = anonymous(clientId);
    this.producedBytes = api === Produce ? frameBytes : 0;
    this.isTimed = !isExempt(api, request) && quotas.isTimed(this.client);
    this.sinceMs = sinceMs;
  }

  /** The synchronous part of its handler is over. As in Kafka, what it does after a wait is not measured. */
  handled(): void {
    if (this.isTimed) this.workedMs = this.clock.monotonicMs() - this.sinceMs;
  }

  /** The answer as it is to be encoded: with how long the client must wait, for all that it has used. */
  charge(answer: Answer<Api>): Answer<Api> {
    const isReply = typeof answer !== 'symbol';
    if (!this.isCharged) {
      this.isCharged = true; // one that cannot be encoded is answered once more, with an error
      if (isReply && 'throttleTimeMs' in answer) this.throttleMs = Number(answer.throttleTimeMs);
      if (this.producedBytes > 0) this.atLeast(this.quotas.noteProduced(this.client, this.producedBytes));
      if (this.isTimed) this.atLeast(this.quotas.noteWorked(this.client, this.workedMs));
    }
    if (this.isTimed) this.sinceMs = this.clock.monotonicMs();
    return this.throttleMs > 0 && isReply ? ({ ...answer, throttleTimeMs: this.throttleMs } as object as Answer<Api>) : answer;
  }

  /** The answer is encoded: the client's next request pays for that, as it does for Kafka's network threads. */
  encoded(): void {
    if (this.isTimed) this.quotas.noteWorked(this.client, this.clock.monotonicMs() - this.sinceMs);
  }

  private atLeast(ms: number): void {
    this.throttleMs = Math.max(this.throttleMs, ms);
  }
}

interface Received {
  readonly api: Api;
  readonly request: unknown;
  readonly clientId: string;
  readonly frameBytes: number;
}

/** Whose time does not count: brokers that replicate; and producers that expect no answer, who would not hear that they must wait. */
function isExempt(api: Api, request: unknown): boolean {
  if (api === Produce) return (request as RequestOf<typeof Produce>).acks === 0;
  return api === Fetch && fetchingReplica(request as RequestOf<typeof Fetch>) !== null;
}
