import { resolve } from 'node:path';
import { realClock } from '../../core/clock.ts';
import { LockedError } from '../../core/errors.ts';
import type { LogLevel } from '../../core/logger.ts';
import { realFiles } from '../../core/real-files.ts';
import {
  brokerDirectory,
  CLUSTER_FILE,
  type ClusterFile,
  defaultsFor,
  portOf,
  readClusterFile,
  writeClusterFile,
} from '../../supervisor/cluster-file.ts';
import { refuseSecond, serveControl } from '../../supervisor/control.ts';
import { Supervisor } from '../../supervisor/supervisor.ts';
import { CliError, codeOf, messageOf, usageError } from '../errors.ts';
import type { Context, Output } from '../output.ts';
import { dieOfHangUp, stopSignals } from '../stop-signals.ts';
import { version } from '../version.ts';
import { type ClusterFlags, explained } from './flags.ts';

export interface StartClusterFlags extends ClusterFlags {
  readonly brokers?: number | undefined;
  readonly basePort?: number | undefined;
  readonly host?: string | undefined;
  readonly racks?: readonly string[] | undefined;
  /** `key=value` each. */
  readonly override?: readonly string[] | undefined;
  readonly logLevel?: LogLevel | undefined;
}

const DEFAULT_BROKERS = 3;
const DEFAULT_PORT = 9092;
const DEFAULT_HOST = 'localhost';

/** Supervises a cluster in this process until a signal or `cluster stop` ends it. @throws CliError */
export async function startCluster(flags: StartClusterFlags, { out, env }: Pick<Context, 'out' | 'env'>): Promise<void> {
  if (flags.data.trim() === '') throw usageError('--data is empty; write a directory');
  const directory = resolve(flags.data);
  const before = readClusterFile(realFiles, directory);
  const cluster = merged(flags, before);
  const brokerIds = Array.from({ length: cluster.brokers }, (_, i) => i + 1);
  const say = inOrder(brokerIds, out);
  const supervisor = new Supervisor({
    directory,
    brokerIds,
    env: () => env,
    clock: realClock,
    flags: (brokerId, port) => brokerFlags(cluster, brokerId, port, flags.logLevel),
    onServing: ({ brokerId, host, port }) =>
      say(brokerId, `broker ${brokerId} listens on ${addressText(host, port)}, keeps its data in ${brokerDirectory(directory, brokerId)}`),
    onDeath: (brokerId, how) =>
      out.line(`broker ${brokerId} ${how} and stays down; "minikafka cluster restart --data ${flags.data} --broker ${brokerId}" starts it`),
  });
  const signals = stopSignals(process, realClock, () => {
    supervisor.killAll();
    process.exit(1);
  });
  let stopAsked!: () => void;
  const asked = new Promise<string>((settle) => {
    stopAsked = () => settle('cluster stop');
  });
  let written = false;
  let why = '';
  try {
    await prepare(directory, cluster);
    written = true;
    const control = await serveControl(directory, supervisor, async () => {
      stopAsked();
      await supervisor.stopAll();
    });
    try {
      // A signal while they start stops them too.
      await Promise.race([supervisor.startAll(), signals.first, asked]);
      written = false;
      if (supervisor.status().every(({ state }) => state === 'running')) out.line(summary(cluster));
      why = await Promise.race([signals.first, asked]);
      if (why === 'SIGHUP') dieOfHangUp();
      else out.line(`${why}: stopping`);
    } finally {
      await supervisor.stopAll();
      control.close();
    }
    if (why !== 'SIGHUP') out.line('stopped'); // to a terminal that is still there
  } catch (error) {
    if (written) restore(directory, before);
    throw explained(error);
  } finally {
    signals.dispose();
  }
}

/** The first line of each broker comes in the order of their numbers, whichever is ready first. */
function inOrder(brokerIds: readonly number[], out: Pick<Output, 'line'>): (brokerId: number, line: string) => void {
  const waiting = new Map<number, string>();
  const due = [...brokerIds];
  return (brokerId, line) => {
    if (!due.includes(brokerId)) {
      out.line(line);
      return;
    }
    waiting.set(brokerId, line);
    while (due[0] !== undefined && waiting.has(due[0])) out.line(waiting.get(due.shift()!)!);
  };
}

function merged(flags: StartClusterFlags, before: ClusterFile | null): ClusterFile {
  const brokers = flags.brokers ?? before?.brokers ?? DEFAULT_BROKERS;
  const basePort = flags.basePort ?? before?.basePort ?? DEFAULT_PORT;
  if (basePort + brokers - 1 > 65_535) throw usageError(`--base-port ${basePort}: there are no ${brokers} ports from there on`);
  return {
    brokers,
    basePort,
    host: flags.host ?? before?.host ?? DEFAULT_HOST,
    racks: flags.racks ?? before?.racks ?? [],
    overrides: flags.override ? Object.fromEntries(flags.override.map(parseOverride)) : (before?.overrides ?? {}),
    defaults: before && before.brokers === brokers ? before.defaults : defaultsFor(brokers),
  };
}

function parseOverride(text: string): [string, string] {
  const equals = text.indexOf('=');
  const key = text.slice(0, equals).trim();
  if (equals < 0 || key === '') throw usageError(`--override ${text}: write key=value`);
  if (['listeners', 'advertised.listeners', 'node.id', 'broker.id', 'log.dirs', 'log.dir'].includes(key)) {
    throw usageError(`--override ${key}: that differs from broker to broker; see --host, --base-port and --data`);
  }
  return [key, text.slice(equals + 1).trim()];
}

async function prepare(directory: string, cluster: ClusterFile): Promise<void> {
  try {
    realFiles.makeDirectory(directory);
    await refuseSecond(directory);
    writeClusterFile(realFiles, directory, cluster);
  } catch (error) {
    if (error instanceof LockedError || codeOf(error) === undefined) throw error;
    throw new CliError(`${directory} cannot be used: ${messageOf(error)}; choose another directory with --data`);
  }
}

/** What a start that failed had said must not be taken over by the next. */
function restore(directory: string, before: ClusterFile | null): void {
  if (before) writeClusterFile(realFiles, directory, before);
  else realFiles.remove(`${directory}/${CLUSTER_FILE}`);
}

function brokerFlags(cluster: ClusterFile, brokerId: number, port: number | null, logLevel: LogLevel | undefined): string[] {
  const level = logLevel === undefined ? [] : ['--log-level', logLevel];
  return ['--port', String(port ?? portOf(cluster, brokerId)), ...level];
}

function summary({ brokers, defaults, overrides }: ClusterFile): string {
  const configs = { ...defaults, ...overrides };
  const replicas = configs['default.replication.factor'];
  const inSync = configs['min.insync.replicas'];
  const many = replicas === '1' ? 'one replica' : `${replicas} replicas, of which ${inSync} must be in sync for acks=all`;
  return `minikafka ${version}: a cluster of ${brokers} ${brokers === 1 ? 'broker' : 'brokers'}; new topics have ${many}; Ctrl-C stops it`;
}

const addressText = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
