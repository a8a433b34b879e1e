/// <reference lib="esnext.disposable" preserve="true" />
import { brokerConfig } from './config.ts';
import { realClock } from './core/clock.ts';
import { KafkaError, LockedError } from './core/errors.ts';
import type { Files } from './core/files.ts';
import { type Logger, type LogLevel, silentLogger } from './core/logger.ts';
import { memoryFiles } from './core/memory-files.ts';
import { aliveUntil } from './core/stay-alive.ts';
import { tcpTransport } from './core/tcp-transport.ts';
import { checkStartOptions, checkTopicOptions } from './index/check-options.ts';
import { whyNotToName } from './metadata/internal-topics.ts';
import type { MetadataStore } from './metadata/store.ts';
import { Broker } from './server.ts';

export { ConfigError } from './config/config-error.ts'; // not config.ts, whose types the package would have to carry too
export type { ErrorName } from './core/error-codes.ts';
export { KafkaError, LockedError };

/** A topic with its number of partitions and, if need be, Kafka's topic configs. */
export interface TopicOptions {
  /** Default: num.partitions of the broker, 1. */
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string | number | boolean>>;
}

export interface StartOptions {
  /** Default 0: a free port, see `port` of the result. */
  readonly port?: number;
  /** Default `localhost`: loopback, IPv4 and IPv6. There is no authentication, so think before you widen it. */
  readonly host?: string;
  /** Topics to begin with; a number is the number of partitions. Topics that `data` holds already are left alone. */
  readonly topics?: Readonly<Record<string, number | TopicOptions>>;
  /** A folder to keep the data in. Default: in memory, gone with `close`. */
  readonly data?: string;
  /** In memory only: bytes of records and indexes at most; beyond it producers get KAFKA_STORAGE_ERROR. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Kafka's broker configs, such as `{ 'num.partitions': 3 }`. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** What is logged at least, as JSON lines on standard output. Default `silent`: nothing. */
  readonly logLevel?: LogLevel;
}

export interface RunningBroker extends AsyncDisposable {
  readonly port: number;
  /** `localhost:PORT`: what a client takes. */
  readonly bootstrapServers: string;
  /** @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG, ...; TypeError for an option that does not exist */
  createTopic(name: string, options?: number | TopicOptions): Promise<void>;
  /** Closes connections, port, files and timers. Calling it twice does nothing more. */
  close(): Promise<void>;
}

const DEFAULT_MAX_BYTES = 1024 ** 3;

/**
 * Starts a broker in this process. It reads no environment and no configuration file, and installs no signal handler; many can run side by side.
 * @throws TypeError for options that do not exist or are of a wrong kind; ConfigError for a bad `config`; LockedError (`code` ELOCKED, and `holder`)
 * for a `data` folder that another broker uses; Node's errors for a port in use or a folder that cannot be written (`code` EADDRINUSE, EACCES, ...);
 * KafkaError for a topic that cannot be created
 */
export async function startBroker(options: StartOptions = {}): Promise<RunningBroker> {
  checkStartOptions(options);
  const { port = 0, host = 'localhost', topics = {}, config = {} } = options;
  const values = new Map(Object.entries(config).map(([key, value]) => [key, String(value)]));
  if (!values.has('listeners')) values.set('listeners', `PLAINTEXT://${host.includes(':') ? `[${host}]` : host}:${port}`);
  else if (options.port !== undefined || options.host !== undefined) throw new TypeError('give either config.listeners, or port and host');
  values.set('log.dirs', options.data ?? MEMORY_DIR);
  const checked = brokerConfig(values, (key) => (key in config ? 'config' : key === 'listeners' ? 'host' : undefined));
  const broker = await aliveUntil(
    Broker.start({
      config: checked,
      clock: realClock,
      transport: tcpTransport,
      logger: await makeLogger(options.logLevel),
      holder: `process ${process.pid}`,
      ...(await makeDisk(options, checked.dataDirectory)),
    }),
  );
  const close = () => aliveUntil(broker.close());
  try {
    for (const [name, topic] of Object.entries(topics)) await createUnlessThere(broker, name, topic);
  } catch (error) {
    await close();
    throw error;
  }
  const [listener] = broker.listeners;
  return {
    port: listener!.port,
    bootstrapServers: `${dialled(listener!.host)}:${listener!.port}`,
    createTopic: async (name, topic = {}) => {
      checkTopicOptions(name, topic);
      await createTopic(broker, name, topic);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const MEMORY_DIR = '/memory';

async function makeDisk(
  { data, maxBytes = DEFAULT_MAX_BYTES }: StartOptions,
  dataDir: string,
): Promise<{
  files: Files;
  dataDir: string;
  openStore: () => Promise<MetadataStore>;
}> {
  if (data === undefined) {
    const { openMemoryStore } = await import('./metadata/memory-store.ts');
    return {
      files: memoryFiles({ maxBytes, crashable: false }),
      dataDir: MEMORY_DIR,
      openStore: async () => openMemoryStore({ clock: realClock }),
    };
  }
  const [{ realFiles }, { openSqliteStore }] = await Promise.all([import('./core/real-files.ts'), import('./metadata/sqlite-store.ts')]);
  return { files: realFiles, dataDir, openStore: async () => openSqliteStore(`${dataDir}/metadata.db`, { clock: realClock }) };
}

async function makeLogger(level: StartOptions['logLevel']): Promise<Logger> {
  if (!level || level === 'silent') return silentLogger;
  const { jsonLogger } = await import('./core/json-logger.ts');
  const logger: Logger = jsonLogger(level);
  return logger;
}

function topicOptions(topic: number | TopicOptions): TopicOptions {
  return typeof topic === 'number' ? { partitions: topic } : topic;
}

async function createTopic(broker: Broker, name: string, topic: number | TopicOptions): Promise<void> {
  const whyNot = whyNotToName(name);
  if (whyNot !== null) throw new KafkaError('INVALID_TOPIC_EXCEPTION', whyNot);
  await broker.createTopic(name, topicOptions(topic));
}

async function createUnlessThere(broker: Broker, name: string, topic: number | TopicOptions): Promise<void> {
  try {
    await createTopic(broker, name, topic);
  } catch (error) {
    if (!(error instanceof KafkaError && error.errorName === 'TOPIC_ALREADY_EXISTS')) throw error;
  }
}

/** Where a client in this process finds a broker that listens on every address. */
function dialled(host: string): string {
  if (host === '' || host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
