import { setTimeout as sleep } from 'node:timers/promises';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { type ReadRecord, readRecords } from '../../src/protocol/records/walk.ts';
import type { Client } from '../cluster/client.ts';

const SHOWN = 5;
const READ_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;
const ATTEMPT_MS = 2_000;
const RETRY_MS = 10;
const PAUSE_MS = 8;
const CODECS = 5;
const MAX_BATCH_RECORDS = 12;
const TOMBSTONES_ONE_IN = 8;
const PADDING = Buffer.alloc(200, 'minikafka ');

export interface KeyedLoadOptions {
  readonly client: Client;
  readonly topic: string;
  readonly partitions: number;
  readonly keys: number;
  /** The log also loses its beginning: what lies before its start may be gone. */
  readonly deletes: boolean;
}

/** One partition's producer, and what it knows of its log. */
interface Lane {
  /** Records sent: numbers below it may be in the log. */
  sent: number;
  /** Records acknowledged: numbers below it are in the log, or a later one of their key is. */
  acknowledged: number;
  /** Offset behind the last acknowledged record, as far as brokers have told. */
  end: number;
  /** By key, its last acknowledged record. */
  readonly last: Map<number, Written>;
}

interface Written {
  readonly n: number;
  /** -1: not told. */
  readonly offset: number;
}

/**
 * Sends records with keys to a compacted topic, in every codec, tombstones among them: one batch at a time for each partition, again until it is
 * acknowledged, every other partition as an idempotent producer. What record n of a partition is follows from n, so that whatever is read can be
 * told from everything that was never sent.
 */
export class KeyedLoad {
  readonly topic: string;
  /** What no broker may answer to what was sent. */
  readonly wrong: string[] = [];
  private readonly options: KeyedLoadOptions;
  private readonly lanes: Lane[];
  private running: Promise<unknown> = Promise.resolve();
  private stopping = false;
  private abandoned = false;

  constructor(options: KeyedLoadOptions) {
    this.topic = options.topic;
    this.options = options;
    this.lanes = Array.from({ length: options.partitions }, () => ({
      sent: 0,
      acknowledged: 0,
      end: 0,
      last: new Map(),
    }));
  }

  /** Records acknowledged so far. */
  get count(): number {
    return this.lanes.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  async start(): Promise<void> {
    const { client, partitions } = this.options;
    await client.findLeaders(this.topic, partitions);
    const producer = await client.initProducerId();
    const nobody = { producerId: -1, producerEpoch: -1 };
    this.running = Promise.all(this.lanes.map((lane, p) => this.send(lane, p, isIdempotent(p) ? producer : nobody)));
  }

  /** Resolves when every partition has acknowledged something more. @throws Error at the deadline */
  async progress(deadlineMs: number): Promise<void> {
    const before = this.lanes.map(({ acknowledged }) => acknowledged);
    for (const end = performance.now() + deadlineMs; !this.lanes.every(({ acknowledged }, p) => acknowledged > before[p]!); ) {
      if (performance.now() > end) throw new Error(`${this.topic}: nothing acknowledged in ${deadlineMs} ms`);
      await sleep(5);
    }
  }

  /** Sends nothing new and waits until all is acknowledged. @throws Error at the deadline */
  async stop(): Promise<void> {
    this.stopping = true;
    const late = setTimeout(() => this.abandon(), STOP_DEADLINE_MS);
    await this.running;
    clearTimeout(late);
    if (this.abandoned) throw new Error(`${this.topic}: not everything was acknowledged in ${STOP_DEADLINE_MS} ms`);
  }

  abandon(): void {
    this.stopping = this.abandoned = true;
  }

  private async send(lane: Lane, partition: number, producer: { producerId: number; producerEpoch: number }): Promise<void> {
    while (!this.stopping) {
      const first = lane.sent;
      const dice = chance(partition, first, 1);
      const count = 1 + (dice % MAX_BATCH_RECORDS);
      const records = Array.from({ length: count }, (_, i) => this.record(partition, first + i));
      const baseSequence = producer.producerId < 0 ? -1 : first;
      const bytes = buildBatch({ records, ...producer, baseSequence, attributes: (dice >>> 8) % CODECS });
      lane.sent += count;
      const offset = await this.untilAcknowledged(partition, bytes, first);
      if (this.abandoned) return;
      this.note(lane, partition, first, count, offset);
      await sleep(PAUSE_MS);
    }
  }

  /** @returns the base offset; -1 when a broker only says that it has the batch already */
  private async untilAcknowledged(partition: number, bytes: Buffer, first: number): Promise<number> {
    const { client } = this.options;
    while (!this.abandoned) {
      const { errorName, baseOffset } = await client.produce(this.topic, partition, Buffer.from(bytes), -1, ATTEMPT_MS);
      if (errorName === 'NONE') return baseOffset;
      if (errorName === 'DUPLICATE_SEQUENCE_NUMBER') return -1;
      if (
        /OUT_OF_ORDER|UNKNOWN_PRODUCER|INVALID|CORRUPT|UNSUPPORTED|UNKNOWN_SERVER|KAFKA_STORAGE/.test(errorName) &&
        this.wrong.length < SHOWN
      )
        this.wrong.push(`${this.topic}-${partition}: ${errorName} is answered to record ${first}`);
      client.refresh();
      await sleep(RETRY_MS);
    }
    return -1;
  }

  private note(lane: Lane, partition: number, first: number, count: number, baseOffset: number): void {
    for (let i = 0; i < count; i++) {
      const n = first + i;
      lane.last.set(this.key(partition, n), { n, offset: baseOffset < 0 ? -1 : baseOffset + i });
    }
    lane.acknowledged = first + count;
    if (baseOffset >= 0) lane.end = Math.max(lane.end, baseOffset + count);
  }

  private key(partition: number, n: number): number {
    return chance(partition, n, 2) % this.options.keys;
  }

  private record(partition: number, n: number): RecordInput {
    const dice = chance(partition, n, 3);
    const isTombstone = dice % TOMBSTONES_ONE_IN === 0;
    return {
      key: Buffer.from(`key-${this.key(partition, n)}`),
      value: isTombstone ? null : Buffer.concat([Buffer.from(`${n} `), PADDING.subarray(0, (dice >>> 8) % PADDING.byteLength)]),
      headers: [{ key: 'n', value: Buffer.from(String(n)) }],
      timestamp: Date.now(),
    };
  }

  /**
   * Reads the whole topic and says what is wrong with it: a record that nobody sent or that has been changed, offsets out of order, and a key
   * whose last acknowledged record is neither there nor followed by a later one.
   */
  async check(): Promise<{ wrong: string[]; read: number }> {
    let read = 0;
    const wrong: string[] = [...this.wrong];
    await Promise.all(
      this.lanes.map(async (lane, partition) => {
        const known = { ...lane, last: new Map(lane.last) };
        const { records, logStart } = await this.readAll(partition, known.end);
        read += records.length;
        wrong.push(...this.judge(partition, known, lane.sent, records, logStart).slice(0, SHOWN));
      }),
    );
    return { wrong, read };
  }

  private async readAll(partition: number, end: number): Promise<{ records: ReadRecord[]; logStart: number }> {
    const { client } = this.options;
    const name = `${this.topic}-${partition}`;
    const records: ReadRecord[] = [];
    const deadline = performance.now() + READ_DEADLINE_MS;
    let logStart = 0;
    for (let next = 0; ; ) {
      const fetched = await client.fetch(this.topic, partition, next);
      if (fetched.errorName === 'NONE') logStart = Math.max(logStart, fetched.logStartOffset);
      if (fetched.errorName === 'OFFSET_OUT_OF_RANGE') next = Math.max(next, await client.logStart(this.topic, partition).catch(() => 0));
      // Nothing lies between the last record and the end where a tombstone was the last.
      if (fetched.records.byteLength === 0 && fetched.errorName === 'NONE' && fetched.highWatermark >= end) break;
      if (performance.now() > deadline)
        throw new Error(`${name}: cannot read on at ${next} of ${end}: ${fetched.errorName}, high watermark ${fetched.highWatermark}`);
      if (fetched.records.byteLength === 0) {
        client.refresh();
        await sleep(20);
        continue;
      }
      for (const batch of eachBatch(fetched.records)) {
        for (const record of readRecords(batch)) if (record.offset >= next) records.push(record);
        next = Math.max(next, batch.lastOffset + 1);
      }
      if (next >= end && next >= fetched.highWatermark) break;
    }
    return { records, logStart };
  }

  private judge(partition: number, known: Lane, sent: number, records: readonly ReadRecord[], logStart: number): string[] {
    const wrong: string[] = [];
    const name = `${this.topic}-${partition}`;
    const final = new Map<number, Written>();
    let before = -1;
    for (const { offset, key, value, headers } of records) {
      const n = Number(Buffer.from(headers[0]?.value ?? 'x').toString('latin1'));
      if (offset <= before) wrong.push(`${name}: offset ${offset} comes behind ${before}`);
      before = offset;
      if (!(n >= 0 && n < sent)) {
        wrong.push(`${name}: record ${n} at offset ${offset} was never sent`);
        continue;
      }
      const expected = this.record(partition, n);
      if (!same(key, expected.key) || !same(value, expected.value))
        wrong.push(`${name}: record ${n} at offset ${offset} is not as it was sent`);
      final.set(this.key(partition, n), { n, offset });
    }
    for (const [key, { n, offset }] of known.last) {
      const found = final.get(key);
      const isMoved = found?.n === n && offset >= 0 && (isIdempotent(partition) ? found.offset !== offset : found.offset < offset);
      if (found && found.n >= n && !isMoved) continue;
      if (found === undefined && this.mayBeForgotten(partition, key, n, known.acknowledged, sent)) continue;
      if (this.options.deletes && !found && offset < logStart) continue;
      wrong.push(
        `${name}: the last of key ${key} is record ${n}, acknowledged at ${offset}; there is ${found ? `record ${found.n} at ${found.offset}` : 'nothing'}`,
      );
    }
    return wrong;
  }

  /** Whether the last record of a key may be a tombstone: the last acknowledged one is, or one since. */
  private mayBeForgotten(partition: number, key: number, n: number, acknowledged: number, sent: number): boolean {
    if (this.record(partition, n).value === null) return true;
    for (let later = acknowledged; later < sent; later++) {
      if (this.key(partition, later) === key && this.record(partition, later).value === null) return true;
    }
    return false;
  }
}

const isIdempotent = (partition: number): boolean => partition % 2 === 1;

/** A number that is always the same for the same three. */
function chance(partition: number, n: number, what: number): number {
  let mixed = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(partition + 1, 0x85ebca6b) ^ Math.imul(what, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function same(read: Uint8Array | null, sent: Uint8Array | null | undefined): boolean {
  return read === null || !sent ? read === (sent ?? null) : Buffer.compare(read, sent) === 0;
}
