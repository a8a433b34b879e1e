import { setTimeout as sleep } from 'node:timers/promises';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { forEachRecord } from '../../src/protocol/records/walk.ts';
import type { Client } from './client.ts';
import type { Load } from './load.ts';

const SHOWN = 5;
const READ_DEADLINE_MS = 60_000;

/** A partition as a consumer reads it: the number of the record at each offset, and the leader epoch under which it was appended. */
export interface ReadPartition {
  readonly numbers: number[];
  readonly epochs: number[];
  /** What lies before it was no longer there when it was asked for. Default 0. */
  start?: number;
}

/** Reads a topic, and reads on from there; where the log has lost its beginning meanwhile, behind that. */
export class Reader {
  readonly partitions: ReadPartition[];
  private readonly client: Client;
  private readonly topic: string;

  constructor(client: Client, topic: string, partitions: number) {
    this.client = client;
    this.topic = topic;
    this.partitions = Array.from({ length: partitions }, () => ({ numbers: [], epochs: [] }));
  }

  /** Reads each partition until it has all that is acknowledged so far. @throws Error when that does not become readable */
  async readOn(load: Load): Promise<void> {
    const marks = load.acknowledged.map((lane) => lane.reduce((end, { offset, count }) => Math.max(end, offset + count), 0));
    await Promise.all(this.partitions.map((read, partition) => this.readPartition(partition, read, marks[partition]!)));
  }

  private async readPartition(partition: number, read: ReadPartition, end: number): Promise<void> {
    const deadline = performance.now() + READ_DEADLINE_MS;
    while (read.numbers.length < end) {
      const fetched = await this.client.fetch(this.topic, partition, read.numbers.length);
      if (fetched.errorName === 'OFFSET_OUT_OF_RANGE') {
        const start = await this.client.logStart(this.topic, partition).catch(() => 0);
        if (start > read.numbers.length) {
          read.numbers.length = read.epochs.length = read.start = start;
          continue;
        }
      }
      if (fetched.records.byteLength === 0) {
        if (performance.now() > deadline) {
          const { errorName, highWatermark } = fetched;
          const at = `offset ${read.numbers.length} of ${end}`;
          throw new Error(`${this.topic}-${partition}: cannot read on at ${at}: ${errorName}, high watermark ${highWatermark}`);
        }
        this.client.refresh();
        await sleep(20);
        continue;
      }
      take(fetched.records, read, `${this.topic}-${partition}`);
    }
  }
}

function take(bytes: Buffer, { numbers, epochs }: ReadPartition, name: string): void {
  for (const batch of eachBatch(bytes)) {
    const epoch = batch.partitionLeaderEpoch;
    const { baseOffset } = batch;
    let i = 0;
    forEachRecord(batch, ({ value }) => {
      const offset = baseOffset + i++;
      if (offset < numbers.length) return; // of a batch that begins before what was asked for
      if (offset !== numbers.length) throw new Error(`${name}: offset ${offset} where ${numbers.length} comes next`);
      numbers.push(Number(Buffer.from(value!).toString('latin1').split(' ')[1]));
      epochs.push(epoch);
    });
  }
}

/** What was acknowledged and is not at its offset; what was acknowledged by two leaders of one epoch. The first few, in words. */
export function lost(load: Load, read: readonly ReadPartition[], upTo: readonly number[] = load.marks()): string[] {
  const wrong: string[] = [];
  for (const [partition, lane] of load.acknowledged.entries()) {
    const { numbers, epochs, start = 0 } = read[partition]!;
    const leaders = new Map<number, number>();
    for (const { first, count, offset, broker } of lane.slice(0, upTo[partition])) {
      if (offset < 0 || offset + count <= start) continue; // `disorder` looks for it; the log begins behind it
      for (let i = 0; i < count && wrong.length < SHOWN; i++) {
        if (numbers[offset + i] === first + i || offset + i < start) continue;
        const there = numbers[offset + i] ?? 'nothing';
        wrong.push(
          `${load.topic}-${partition}: record ${first + i} was acknowledged at ${offset + i} by broker ${broker}, where ${there} is`,
        );
      }
      const epoch = epochs[Math.max(offset, start)]!;
      const other = leaders.get(epoch) ?? broker;
      leaders.set(epoch, broker);
      // A producer that sends again may be told by the next leader what the one before had appended.
      if (other !== broker && !load.sentAgain[partition]!.has(first)) {
        wrong.push(`${load.topic}-${partition}: brokers ${other} and ${broker} have both acknowledged in epoch ${epoch}`);
      }
    }
  }
  return wrong.slice(0, SHOWN);
}

/** What is wrong with the order and the number of the records of a load that has ended. */
export function disorder(load: Load, read: readonly ReadPartition[]): string[] {
  return load.acknowledged.flatMap((lane, partition) => {
    const wrong: string[] = [];
    const { numbers } = read[partition]!;
    const sent = lane.reduce((sum, { count }) => sum + count, 0);
    const seen = new Set<number>();
    let next = 0;
    const twice = new Set<number>();
    let isOrdered = true;
    for (const n of numbers) {
      if (seen.has(n)) twice.add(n);
      else if (n !== next++) isOrdered = false;
      seen.add(n);
    }
    if (seen.size !== sent) wrong.push(`${seen.size} records are there, ${sent} were acknowledged`);
    if (!isOrdered) wrong.push('the records are not in order');
    const unasked = load.idempotent ? [...twice] : [...twice].filter((n) => !load.sentAgain[partition]!.has(n));
    if (unasked.length > 0) wrong.push(`${unasked.length} records are there twice: ${unasked.slice(0, SHOWN)}`);
    return wrong.map((each) => `${load.topic}-${partition}: ${each}`);
  });
}
