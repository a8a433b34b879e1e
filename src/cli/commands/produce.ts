import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../output.ts';
import type { ProduceFlags, ProduceSurroundings } from '../produce-command.ts';
import { collect } from './collect.ts';

const HELP = `
Each line of standard input is a record: its value, or key and value with --key-separator. A line ends with a line feed; a carriage
return before that, as Windows writes it, is taken for a part of the line end. Any other byte is sent as it is.
Records with a key go to the partition that Java's producer chooses for it. What was written is told on standard error.

Examples:
  minikafka produce test < lines.txt
  echo 'k1:hello' | minikafka produce test --key-separator :
  minikafka produce test --header source=import --compression zstd < lines.txt
  printf 'user-7\\t-\\n' | minikafka produce users --key-separator '\\t' --null-value -`;

const MAX_PARTITION = 2 ** 31 - 1; // int32 on the wire

export function addProduce(program: Command, context: Context): void {
  program
    .command('produce')
    .argument('<topic>', 'name of the topic')
    .summary('write lines as records')
    .description('Write lines of standard input as records to a topic of a running broker: minikafka, or Apache Kafka.')
    .option('--bootstrap-server <host:port,..>', 'the broker; of several the first that answers', 'localhost:9092')
    .option('--key-separator <text>', 'what parts key and value; \\t is a tab (default: lines have no key)')
    .option('--null-value <text>', 'a key or value that reads so is null: a tombstone, as a value')
    .option('--header <name=value>', 'a header of every record (repeatable)', collect)
    .option('--partition <number>', 'the partition to write to (default: by key; without a key, in turn)', parsePartition)
    .addOption(
      new Option('--compression <codec>', 'compression of the batches').choices(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
    )
    .addOption(
      new Option('--acks <acks>', 'who has to have a record before it counts as written').choices(['0', '1', 'all']).default('all'),
    )
    .option('--json', 'write a JSON line for each batch that is written: topic, partition, baseOffset, records')
    .addHelpText('after', HELP)
    .action(async (topic: string, flags: ProduceFlags) => {
      const { produce } = await import('../produce-command.ts');
      await produce(topic, flags, await surroundings(context));
    });
}

export function parsePartition(text: string): number {
  const partition = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (partition >= 0 && partition <= MAX_PARTITION) return partition;
  throw new InvalidArgumentError('Write the number of a partition; the first is 0.');
}

// Loaded when the command runs: help and errors need none of it.
async function surroundings({ out, err }: Context): Promise<ProduceSurroundings> {
  const [{ tcpTransport }, { realClock }] = await Promise.all([import('../../core/tcp-transport.ts'), import('../../core/clock.ts')]);
  const exitNow = () => process.exit(1);
  return { out, err, transport: tcpTransport, clock: realClock, input: process.stdin, output: process.stdout, signals: process, exitNow };
}
