import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from '../../core/logger.ts';
import { SUPERVISED } from '../../supervisor/broker-messages.ts';
import { messageOf, usageError } from '../errors.ts';
import type { LogFormat } from '../logging.ts';
import type { Context } from '../output.ts';
import type { BrokerSupervision } from '../run-broker.ts';
import type { StartFlags } from '../start-plan.ts';
import { collect } from './collect.ts';

const EXAMPLES = `
Examples:
  minikafka start
  minikafka start --port 19092 --data /var/lib/minikafka
  minikafka start --data /disk1/minikafka,/disk2/minikafka
  minikafka start --ephemeral --topic orders:3 --topic users:1:cleanup.policy=compact,retention.ms=60000
  minikafka start --broker-id 4 --cluster ./minikafka-cluster
  minikafka start --config server.properties --override log.segment.bytes=67108864 --log-level warn

A setting is looked for in the flags, then --override, then the environment (KAFKA_LOG_RETENTION_MS is log.retention.ms),
then the file of --config. Names and values are those of Apache Kafka.`;

interface StartCommandFlags extends StartFlags {
  readonly logLevel?: LogLevel;
  readonly logFormat?: LogFormat;
}

export function addStart(program: Command, context: Context): void {
  program
    .command('start')
    .summary('start a broker')
    .description('Start a broker. It runs until Ctrl-C, SIGTERM or SIGHUP.')
    .option('--port <port>', 'port to listen on, 0 for any free one (default: 9092)', parsePort)
    .option('--host <host>', 'name or address to listen on (default: localhost, which other machines cannot reach)', parseHost)
    .option('--data <directory,..>', 'where the data is kept; with several disks a directory on each (default: ./minikafka-data)')
    .option('--config <file>', "a server.properties, in Kafka's format")
    .option('--override <key=value>', 'one setting, over those of the file and the environment (repeatable)', collect)
    .option('--topic <name:partitions[:config=value,..]>', 'create a topic unless it exists (repeatable)', collect)
    .option('--cluster <directory>', 'be a broker of the cluster that "minikafka cluster start" keeps there')
    .option('--broker-id <number>', 'its number in the cluster, which no other broker has', parseBrokerId)
    .option('--ephemeral', 'keep the data in a temporary directory, which is removed at the end')
    .addOption(new Option('--log-level <level>', 'what is logged at least (default: info)').choices(LOG_LEVELS))
    .addOption(
      new Option('--log-format <format>', 'sentences, or a JSON object a line (default: pretty on a terminal, json in a pipe)').choices([
        'pretty',
        'json',
      ]),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: StartCommandFlags) => {
      if (context.env[SUPERVISED] !== '1') return start(flags, context);
      const { supervised } = await import('../cluster/supervised.ts');
      return supervised((supervision) => start(flags, context, supervision));
    });
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError('Write a number from 0 to 65535.');
}

function parseBrokerId(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new InvalidArgumentError('Write a number from 1 to 9999.');
}

function parseHost(text: string): string {
  if (/^[0-9a-zA-Z\-%._:]+$/.test(text)) return text;
  throw new InvalidArgumentError('Write one name or address, as in localhost, 0.0.0.0 or ::1.');
}

/** Resolves when the broker has stopped. Only what this command needs is loaded, and only now. */
async function start(flags: StartCommandFlags, context: Context, supervision?: BrokerSupervision): Promise<void> {
  const [{ realFiles }, { planStart }, { readClusterFile }] = await Promise.all([
    import('../../core/real-files.ts'),
    import('../start-plan.ts'),
    import('../../supervisor/cluster-file.ts'),
  ]);
  const temporaryDirectory = join(tmpdir(), `minikafka-${randomBytes(8).toString('hex')}`);
  const plan = planStart(flags, {
    env: context.env,
    file: flags.config === undefined ? null : readConfig(flags.config, realFiles.read),
    temporaryDirectory,
    cluster: flags.cluster === undefined ? null : readClusterFile(realFiles, flags.cluster),
  });
  const { runBroker } = await import('../run-broker.ts');
  const log = { level: flags.logLevel, format: flags.logFormat };
  if (!flags.ephemeral) return runBroker(plan, log, context, supervision);
  // For a second Ctrl-C too, after which nothing but this handler runs.
  const removeData = () => realFiles.remove(temporaryDirectory);
  process.once('exit', removeData);
  try {
    await runBroker(plan, log, context);
  } finally {
    process.off('exit', removeData);
    removeData();
  }
}

function readConfig(path: string, read: (path: string) => Buffer | null): string {
  let content: Buffer | null;
  try {
    content = read(path);
  } catch (error) {
    throw usageError(`--config ${path} cannot be read: ${messageOf(error)}`);
  }
  if (content === null) throw usageError(`--config ${path}: there is no such file (${resolve(path)})`);
  return content.toString('utf8');
}
