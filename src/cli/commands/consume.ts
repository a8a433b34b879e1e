import { type Command, InvalidArgumentError } from 'commander';
import type { ConsumeFlags, ConsumeSurroundings } from '../consume-command.ts';
import type { Context } from '../output.ts';
import { parsePartition } from './produce.ts';

const HELP = `
Without --group all partitions are read, or the one of --partition, and nothing is committed. With --group what was printed is committed,
and the next run goes on behind it. Order holds within a partition.

Formats:
  text      the value and a line feed; with --print-key the key and a tab before it. Bytes are written as they are.
  json      a JSON object a line: topic, partition, offset, timestamp, key, value, headers. What is not UTF-8 is {"base64":".."}.
  TEMPLATE  text with %k key, %v value (%s, too), %o offset, %p partition, %t topic, %T timestamp in ms, %h headers as name=value,..,
            %K and %S bytes of key and value (-1: null), %% a percent sign, and \\n, \\t, \\r, \\0, \\\\. No line feed is added.

It exits with 1 when --timeout passes before the records of --max-messages came; without --max-messages the timeout is an end like others.

Examples:
  minikafka consume test --from-beginning
  minikafka consume test --from-beginning --max-messages 10 --format json
  minikafka consume test --partition 0 --offset -5 --timeout 2s
  minikafka consume test --group billing --from-beginning --format '%p/%o %k: %v\\n'`;

const MAX_MESSAGES = Number.MAX_SAFE_INTEGER;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const MAX_TIMEOUT_MS = 2 ** 31 - 1; // the longest that a timer can be set to

export function addConsume(program: Command, context: Context): void {
  program
    .command('consume')
    .argument('<topic>', 'name of the topic')
    .summary('print records')
    .description('Print records of a topic of a running broker: minikafka, or Apache Kafka. It starts at the end of the topic.')
    .option('--bootstrap-server <host:port,..>', 'the broker; of several the first that answers', 'localhost:9092')
    .option('--from-beginning', 'start with the first record; with --group only where it has committed nothing')
    .option('--partition <number>', 'read this partition only', parsePartition)
    .option('--offset <offset>', 'where to start: an offset (with --partition), earliest, latest, or -N for the last N of each partition')
    .option('--group <name>', 'read as a member of this group')
    .option('--read-committed', 'no records of transactions that are open or were aborted')
    .option('--max-messages <number>', 'end after so many records', parseCount)
    .option('--timeout <time>', 'end when no record came for so long, as in 500ms, 10s, 2m', parseTime)
    .option('--format <format>', 'text, json, or a template, see below', 'text')
    .option('--print-key', 'with --format text: the key and a tab before the value')
    .option('--null-value <text>', 'what stands for null, except in JSON', 'null')
    .addHelpText('after', HELP)
    .action(async (topic: string, flags: ConsumeFlags) => {
      const { consume } = await import('../consume-command.ts');
      await consume(topic, flags, await surroundings(context));
    });
}

function parseCount(text: string): number {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_MESSAGES) return count;
  throw new InvalidArgumentError('Write a number from 1 on.');
}

/** To ms. */
function parseTime(text: string): number {
  const [, number, unit] = /^(\d{1,10}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (ms >= 1 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError('Write a time with its unit, as in 500ms, 10s or 2m.');
}

// Loaded when the command runs: help and errors need none of it.
async function surroundings({ err }: Context): Promise<ConsumeSurroundings> {
  const [{ tcpTransport }, { realClock }] = await Promise.all([import('../../core/tcp-transport.ts'), import('../../core/clock.ts')]);
  const exitNow = () => process.exit(1);
  return { err, transport: tcpTransport, clock: realClock, output: process.stdout, signals: process, exitNow };
}
