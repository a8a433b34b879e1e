import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { realClock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { realFiles } from '../core/real-files.ts';
import { stayAlive } from '../core/stay-alive.ts';
import { tcpTransport } from '../core/tcp-transport.ts';
import type { MetadataStore } from '../metadata/store.ts';
import type { Broker } from '../server.ts';
import { storePath } from '../supervisor/cluster-file.ts';
import { earlyLogger } from './early-logger.ts';
import { CliError } from './errors.ts';
import type { LogOptions } from './logging.ts';
import type { Context } from './output.ts';
import { explainStartFailure } from './start-failure.ts';
import { addressText, type StartPlan } from './start-plan.ts';
import { dieOfHangUp, stopSignals } from './stop-signals.ts';
import { version } from './version.ts';

const V8_FLAGS = [
  // How much the heap may grow before garbage is collected again. V8 would let it grow to three times of what is in use: for 10,000 idle members
  // of groups 340 MB, with this 215 MB, at the same share of a core (bench/groups.js).
  '--heap-growing-percent=30',
  // After a few requests with hundreds of partitions V8 takes what it allocates for one to be long-lived, and puts it into the old space from then on.
  // There each dead request keeps alive what it points to, until all of the heap is marked: with 10,000 partitions a third of the speed
  // of small requests (bench/limits.js partitions --topics 1).
  '--no-allocation-site-pretenuring',
];

/** Who else may want the broker to stop, and to know that it serves. */
export interface BrokerSupervision {
  /** Resolves with the reason, in two or three words. */
  readonly stop: Promise<string>;
  serving(broker: Broker): void;
}

/** Runs a broker in this process until a signal stops it, and to the end of what is to be done then. @throws what main prints: one line that says what to do */
export async function runBroker(
  plan: StartPlan,
  log: LogOptions,
  { out }: Pick<Context, 'out'>,
  supervision?: BrokerSupervision,
): Promise<void> {
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  const signals = stopSignals(process, realClock, () => process.exit(1));
  const release = stayAlive();
  try {
    const logger = earlyLogger();
    for (const notice of plan.notices) logger.info({}, notice);
    for (const warning of plan.warnings) logger.warn({}, warning);
    const dataDirectory = resolve(plan.config.dataDirectory);
    const broker = await startBroker(plan, dataDirectory, logger).finally(async () => {
      const { createLogger } = await import('./logging.ts');
      logger.continueWith(await createLogger(out, log));
    });
    try {
      await createTopics(broker, plan);
      supervision?.serving(broker);
      sayStarted(broker, dataDirectory, logger);
      const signal = await Promise.race([signals.first, ...(supervision ? [supervision.stop] : [])]);
      logger.info({}, `${signal}: stopping`);
      if (signal === 'SIGHUP') dieOfHangUp();
    } finally {
      await broker.close();
    }
    logger.info({}, 'stopped');
  } finally {
    signals.dispose();
    release();
  }
}

async function startBroker({ config, cluster }: StartPlan, dataDir: string, logger: Logger): Promise<Broker> {
  const [{ Broker }, openStore] = await Promise.all([import('../server.ts'), storeOf(cluster, dataDir, logger)]);
  try {
    return await Broker.start({
      config,
      files: realFiles,
      clock: realClock,
      transport: tcpTransport,
      dataDir,
      openStore,
      logger,
      holder: `process ${process.pid}`,
      ...(cluster && { cluster }),
    });
  } catch (error) {
    throw explainStartFailure(error, dataDir);
  }
}

/** One that several processes share costs a thread: a broker by itself has its own. */
async function storeOf(cluster: StartPlan['cluster'], dataDir: string, logger: Logger): Promise<() => Promise<MetadataStore>> {
  if (cluster === null) {
    const { openSqliteStore } = await import('../metadata/sqlite-store.ts');
    return async () => openSqliteStore(join(dataDir, 'metadata.db'), { clock: realClock });
  }
  const { openSharedStore } = await import('../metadata/shared-store.ts');
  return () => openSharedStore(storePath(cluster.directory), { clock: realClock, logger });
}

/** Topics that exist are left alone, whatever they look like. */
async function createTopics(broker: Broker, { topics }: StartPlan): Promise<void> {
  for (const { name, partitions, configs } of topics) {
    try {
      await broker.createTopic(name, { partitions, configs });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.errorName !== 'TOPIC_ALREADY_EXISTS') throw new CliError(`--topic ${name}: ${error.message}`);
    }
  }
}

function sayStarted(broker: Broker, dataDirectory: string, logger: Logger): void {
  const one = broker.listeners.length === 1;
  const listeners = broker.listeners.map(({ name, host, port }) => `${addressText(host, port)}${one ? '' : ` (${name})`}`);
  logger.info(
    { version, listeners, dataDirectory },
    `minikafka ${version} listens on ${listeners.join(', ')}, keeps its data in ${dataDirectory}, and stops with Ctrl-C`,
  );
}
