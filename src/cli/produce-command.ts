import { randomInt } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Transport } from '../core/transport.ts';
import { BootstrapConnection, parseBootstrapServers } from './bootstrap.ts';
import { CliError, messageOf } from './errors.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Output } from './output.ts';
import { type ProduceFailure, ProduceQueue, type QueuedRecord } from './produce-queue.ts';
import { type Acks, type Compression, explainSendFailure, isTooLarge, TopicProducer } from './producer.ts';
import { type LineRules, parseHeaders, parseLine, parseLineRules } from './record-lines.ts';
import { type SignalSource, stopSignals } from './stop-signals.ts';
import { choosePartitions, locateForWriting } from './topic-leaders.ts';

export interface ProduceFlags {
  readonly bootstrapServer: string;
  readonly json?: boolean | undefined;
  readonly keySeparator?: string | undefined;
  readonly nullValue?: string | undefined;
  /** `name=value` each. */
  readonly header?: readonly string[] | undefined;
  readonly partition?: number | undefined;
  readonly compression: Compression;
  readonly acks: Acks;
}

export interface ProduceSurroundings {
  readonly out: Output;
  readonly err: Output;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Where the lines come from. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; destroy(): unknown };
  /** A reader of the JSON lines who has seen enough is heard of here. */
  readonly output: Pick<NodeJS.WriteStream, 'on' | 'off'>;
  readonly signals: SignalSource;
  exitNow(): void;
}

/** Writes each line of the input as a record. Ends with the input, or at the first signal; what was read by then is sent. */
export async function produce(topic: string, flags: ProduceFlags, around: ProduceSurroundings): Promise<void> {
  const rules = parseLineRules(flags);
  const headers = parseHeaders(flags.header);
  const { transport, clock, err } = around;
  const broker = await BootstrapConnection.open(parseBootstrapServers(flags.bootstrapServer), transport, clock);
  try {
    const located = await locateForWriting(broker, topic, clock);
    const partitions = choosePartitions(located, flags.partition).map(({ partition }) => partition);
    const { compression, acks } = flags;
    const producer = await TopicProducer.open(broker, located, { compression, acks, headers });
    try {
      const queue = new ProduceQueue({
        clock,
        partitions,
        first: randomInt(partitions.length),
        isTooLarge,
        send: async (partition, records) => {
          const baseOffset = await producer.send(partition, records);
          if (flags.json) around.out.line(JSON.stringify({ topic, partition, baseOffset, records: records.length }));
        },
      });
      // With --partition there is but that one; keys make no difference then.
      const indexOf = ({ key }: QueuedRecord) => (key && partitions.length > 1 ? producer.partitionOf(key) : null);
      const read = await pump(queue, indexOf, rules, around);
      const explain = (error: unknown) => explainSendFailure(error, topic, broker);
      conclude(read, queue, explain, flags, err);
    } finally {
      await producer.close();
    }
  } finally {
    await broker.close();
  }
}

interface Read {
  readonly lines: number;
  /** What ended the reading too early. */
  readonly error: unknown;
  /** Bytes of a line that a signal cut off. */
  readonly unfinishedBytes: number;
}

/** Reads until the input ends, a signal comes, or something fails; then sends what was read. */
async function pump(
  queue: ProduceQueue,
  indexOf: (record: QueuedRecord) => number | null,
  rules: LineRules,
  { input, output, signals, exitNow, clock, err }: ProduceSurroundings,
): Promise<Read> {
  const stop = stopSignals(signals, clock, exitNow);
  const ignore = () => {}; // whoever read the JSON lines has gone; the records are still to be written
  output.on('error', ignore);
  if (input.isTTY) err.line('Each line is a record; Ctrl-D ends.');
  const lines = new LineSplitter();
  let taken = 0;
  const take = (line: Buffer) => {
    const record = { ...parseLine(line, lines.count, rules), line: lines.count };
    taken++;
    queue.add(record, indexOf(record));
  };
  const stopped = stop.first.then(() => 'stopped' as const);
  let unfinishedBytes = 0;
  let error: unknown = null;
  try {
    const chunks = input[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([chunks.next(), stopped]);
      if (next === 'stopped') {
        unfinishedBytes = lines.unfinishedBytes();
        break;
      }
      if (next.done) {
        const last = lines.end();
        if (last) take(last);
        break;
      }
      for (const line of lines.push(next.value as Buffer)) take(line);
      const room = await Promise.race([queue.room(), stopped]);
      if (room === 'stopped' || queue.failure) break;
    }
  } catch (caught) {
    error = caught instanceof CliError ? caught : new CliError(`standard input cannot be read: ${messageOf(caught)}`);
  }
  try {
    await queue.drain();
  } finally {
    input.destroy(); // an input that nobody ends would keep the process
    output.off('error', ignore);
    stop.dispose();
  }
  return { lines: taken, error, unfinishedBytes };
}

/** Says what became of the lines. @throws CliError when not all of them were acknowledged, or not all could be read */
function conclude(read: Read, queue: ProduceQueue, explain: (error: unknown) => string, { acks }: ProduceFlags, err: Output): void {
  const done = acks === '0' ? 'sent; with --acks 0 nobody knows whether they were written' : 'written';
  if (queue.failure) throw notWritten(queue.failure, read.lines, queue.written, explain);
  if (read.error)
    throw new CliError(
      `${messageOf(read.error)}; the ${counted(queue.written, 'record')} before it ${queue.written === 1 ? 'is' : 'are'} written`,
    );
  err.line(`${counted(queue.written, 'record')} ${done}.`);
  if (read.unfinishedBytes > 0) err.line(`The last line had no end yet and was left out (${counted(read.unfinishedBytes, 'byte')}).`);
}

function notWritten({ error, records }: ProduceFailure, read: number, written: number, explain: (error: unknown) => string): CliError {
  const [first, last] = [records[0]!.line, records.at(-1)!.line];
  const where = first === last ? `line ${first}` : `lines ${first} to ${last}`;
  const rest = read - written;
  return new CliError(
    `${where}: ${explain(error)}; of ${counted(read, 'line')} read, ${written} ${written === 1 ? 'is' : 'are'} written and ${rest} not`,
  );
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
