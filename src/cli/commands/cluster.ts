import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS } from '../../core/logger.ts';
import type { ClusterFlags, RestartFlags, StatusFlags } from '../cluster/flags.ts';
import type { StartClusterFlags } from '../cluster/start.ts';
import type { Context } from '../output.ts';
import { examples, parseCount, surroundings } from './client-options.ts';
import { collect } from './collect.ts';

export const DEFAULT_DIRECTORY = './minikafka-cluster';
/** Each is a process, and connected to all others. */
const MAX_BROKERS = 32;
const MAX_BROKER_ID = 9_999;

export function addCluster(program: Command, context: Context): void {
  const cluster = program
    .command('cluster')
    .summary('start, restart, show and stop a cluster of brokers on this machine')
    .description('Start, restart, show and stop a cluster of broker processes on this machine, which replicate their partitions.')
    .addHelpText('after', examples('cluster start', 'cluster status', 'cluster restart --broker 2', 'cluster stop'));

  withData(cluster.command('start'))
    .summary('start a cluster')
    .description(
      'Start a cluster, each broker a process of its own. It runs until Ctrl-C, SIGTERM, SIGHUP or "minikafka cluster stop".\n' +
        'What is not said here is as it was at the last start in the same directory.',
    )
    .option('--brokers <number>', 'how many brokers (default: 3)', parseCount(MAX_BROKERS))
    .option('--base-port <port>', 'port of broker 1; broker n has the port + n - 1; 0: any free ones (default: 9092)', parsePort)
    .option('--host <host>', 'name or address to listen on (default: localhost, which other machines cannot reach)')
    .option('--racks <names>', 'rack of broker 1, 2, .., as in a,b,c', parseRacks)
    .option('--override <key=value>', 'one setting of all brokers (repeatable)', collect)
    .addOption(new Option('--log-level <level>', 'what the brokers log at least, in broker-<id>.log (default: info)').choices(LOG_LEVELS))
    .addHelpText('after', examples('cluster start', 'cluster start --brokers 5 --base-port 19092', 'cluster start --racks a,b,c'))
    .action(async (flags: StartClusterFlags) => (await import('../cluster/start.ts')).startCluster(flags, context));

  withData(cluster.command('restart'))
    .summary('restart one broker, or one after the other')
    .description(
      'Stop a broker, if it runs, and start it. Without --broker one after the other, each when all partitions have all replicas in sync again.',
    )
    .option('--broker <id>', 'the one to restart', parseCount(MAX_BROKER_ID))
    .option('--timeout <duration>', 'how long to wait for replicas to be in sync, as in 30s or 2m', '2m')
    .addHelpText('after', examples('cluster restart', 'cluster restart --broker 2'))
    .action(async (flags: RestartFlags) => (await import('../cluster/restart.ts')).restart(flags, await surroundings(context)));

  withData(cluster.command('status'))
    .summary('show brokers, controller, and partitions that are not well')
    .description(
      'Show the brokers, the controller, and the partitions that lack a leader or an in-sync replica.\n' +
        'In a pipe: lines parted by tabs, whose first word says what they are.',
    )
    .option('--json', 'write JSON')
    .addHelpText('after', examples('cluster status', 'cluster status --json'))
    .action(async (flags: StatusFlags) => (await import('../cluster/status.ts')).status(flags, await surroundings(context)));

  withData(cluster.command('stop'))
    .summary('stop the cluster')
    .description('Stop all brokers that "minikafka cluster start" has started, and it.')
    .addHelpText('after', examples('cluster stop'))
    .action(async (flags: ClusterFlags) => (await import('../cluster/stop.ts')).stop(flags, context));
}

function withData(command: Command): Command {
  return command.option('--data <directory>', 'where the cluster keeps everything', DEFAULT_DIRECTORY);
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError('Write a number from 0 to 65535.');
}

function parseRacks(text: string): string[] {
  const racks = text.split(',').map((rack) => rack.trim());
  if (racks.every((rack) => rack !== '')) return racks;
  throw new InvalidArgumentError('Write names parted by commas, as in a,b,c.');
}
