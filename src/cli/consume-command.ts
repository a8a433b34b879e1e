import type { Clock } from '../core/clock.ts';
import type { Address, Transport } from '../core/transport.ts';
import { BootstrapConnection, parseBootstrapServers } from './bootstrap.ts';
import { CliError } from './errors.ts';
import type { Output } from './output.ts';
import { type FormatFlags, parseFormat } from './record-format.ts';
import { type ByteSink, type Ending, RecordSink } from './record-sink.ts';
import { parseStart } from './record-start.ts';
import { type SignalSource, stopSignals } from './stop-signals.ts';
import { explainTopicError, locateTopic } from './topic-leaders.ts';
import { TopicReader } from './topic-reader.ts';

export interface ConsumeFlags extends FormatFlags {
  readonly bootstrapServer: string;
  readonly fromBeginning?: boolean | undefined;
  readonly partition?: number | undefined;
  readonly offset?: string | undefined;
  readonly group?: string | undefined;
  readonly readCommitted?: boolean | undefined;
  readonly maxMessages?: number | undefined;
  /** In ms. */
  readonly timeout?: number | undefined;
}

export interface ConsumeSurroundings {
  readonly err: Output;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly output: ByteSink & Pick<NodeJS.WriteStream, 'on' | 'off'>;
  readonly signals: SignalSource;
  exitNow(): void;
}

/** Prints records of a topic until there are enough of them, none comes any more, a signal comes, or nobody reads them. */
export async function consume(topic: string, flags: ConsumeFlags, around: ConsumeSurroundings): Promise<void> {
  const { output, clock, err, signals, exitNow } = around;
  const { maxMessages, readCommitted = false, timeout: timeoutMs } = flags;
  const sink = new RecordSink({ out: output, clock, format: parseFormat(flags), maxMessages, timeoutMs });
  const start = parseStart(flags);
  const servers = parseBootstrapServers(flags.bootstrapServer);
  const stop = stopSignals(signals, clock, exitNow);
  void stop.first.then(() => sink.end('signal'));
  const ignore = () => {}; // the sink hears of it from its own write
  output.on('error', ignore);
  if (err.isTerminal) err.line(`Reading topic "${topic}"; Ctrl-C ends.`);
  try {
    const { group } = flags;
    if (group !== undefined) {
      const { readAsGroup } = await import('./group-reader.ts');
      const addresses = await findTopic(topic, servers, around);
      await readAsGroup({ addresses, clock, topic, group, fromBeginning: start.at === 'earliest', readCommitted, sink });
    } else {
      const { transport } = around;
      const { partition } = flags;
      const warn = (sentence: string) => err.line(`minikafka: ${sentence}`);
      await new TopicReader({ servers, transport, clock, topic, partition, start, readCommitted, sink, warn }).run();
    }
    await sink.flush();
    conclude(await sink.over, sink.count, flags);
  } finally {
    output.off('error', ignore);
    stop.dispose();
  }
}

/** Addresses of the brokers, once it is known that there is such a topic. */
async function findTopic(topic: string, servers: readonly Address[], { transport, clock }: ConsumeSurroundings): Promise<Address[]> {
  const broker = await BootstrapConnection.open(servers, transport, clock);
  try {
    const { brokers } = await locateTopic(broker, topic);
    return [broker.address, ...brokers.values()];
  } catch (error) {
    throw explainTopicError(error, topic, broker);
  } finally {
    await broker.close();
  }
}

function conclude(ending: Ending, count: number, { maxMessages, timeout }: ConsumeFlags): void {
  if (ending !== 'timeout' || maxMessages === undefined) return;
  throw new CliError(`${count} of ${maxMessages} records came, then none for ${timeout! / 1000} s`);
}
