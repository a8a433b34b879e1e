import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../scripts/stale.js';
import { BROKER_VERSION, brokerJars, LOG4J_CONFIG } from './jars.js';

/**
 * @typedef {'kafka' | 'minikafka'} Side
 * @typedef {{ side: Side, pid: number, port: number, address: string, startMs: number, stop: (signal?: NodeJS.Signals) => Promise<void> }} Broker
 *   `startMs`: from the start of the process to its first answer to Metadata. `stop` removes the data.
 */

export const NAMES = { kafka: `Apache Kafka ${BROKER_VERSION}`, minikafka: 'minikafka' };

/** What both run with. The replication factors are what a single Apache Kafka needs to create its internal topics. */
const SHARED_CONFIG = {
  'node.id': '1',
  'num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
};
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk';
/** What kafka-server-start.sh sets. */
const KAFKA_HEAP = ['-Xms1g', '-Xmx1g'];
const KAFKA_JVM = [
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];
const READY_WITHIN_MS = 90_000;
const POLL_EVERY_MS = 5;

/** Undone when the bench ends, however it ends: no process and no directory is left. @type {Set<() => void>} */
export const leftovers = new Set();
process.once('exit', () => {
  // The last first: a directory's owner is killed before the directory goes.
  for (const remove of [...leftovers].toReversed()) remove();
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.once(signal, () => process.exit(130));

/**
 * Runs a program that must not outlive the bench.
 * @param {string} program @param {readonly string[]} args @param {import('node:child_process').SpawnOptions} options
 */
export function spawnOwned(program, args, options) {
  const child = spawn(program, args, options);
  const kill = () => void child.kill('SIGKILL');
  leftovers.add(kill);
  child.once('close', () => leftovers.delete(kill));
  return child;
}

/**
 * Starts a broker on a fresh data directory and waits for its first answer.
 * @param {Side} side @param {{ nodeOptions?: readonly string[] }} [options] @returns {Promise<Broker>}
 */
export async function startBroker(side, { nodeOptions = [] } = {}) {
  const directory = mkdtempSync(join(tmpdir(), `minikafka-bench-${side}-`));
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  leftovers.add(removeDirectory);
  const port = await freePort();
  const [program, ...args] =
    side === 'kafka' ? kafkaCommand(directory, port, await freePort()) : minikafkaCommand(directory, port, nodeOptions);
  return runBroker({ side, command: [program, ...args], directory, ports: [port], removeDirectory });
}

/**
 * Runs a program that serves one port or several, and waits until each names as many brokers as there are ports.
 * @param {{ side: Side, command: readonly string[], directory: string, ports: readonly number[], removeDirectory: () => void }} how
 * @returns {Promise<Broker>} with the first port
 */
export async function runBroker({ side, command, directory, ports, removeDirectory }) {
  const [program, ...args] = command;
  const logFile = join(directory, 'broker.log');
  const log = openSync(logFile, 'a');
  // Node reads the certificates that this names before it runs anything: tens of milliseconds that are the machine's, not the broker's.
  const { NODE_EXTRA_CA_CERTS, ...env } = process.env;
  const from = performance.now();
  const child = spawnOwned(program, args, { cwd: directory, env, stdio: ['ignore', log, log] });
  closeSync(log);
  let running = true;
  const exited = new Promise((resolve) => {
    for (const event of ['error', 'close']) child.once(event, resolve);
  }).then(() => {
    running = false;
  });
  const stop = async (/** @type {NodeJS.Signals} */ signal = 'SIGKILL') => {
    child.kill(signal);
    await exited;
    removeDirectory();
    leftovers.delete(removeDirectory);
  };
  for (const port of ports) {
    while (!(await answersMetadata(port, ports.length))) {
      if (!running || performance.now() - from > READY_WITHIN_MS) {
        const end = readFileSync(logFile, 'utf8').slice(-4000);
        await stop();
        throw new Error(`${NAMES[side]} does not start:\n${end}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
    }
  }
  const [port] = ports;
  return { side, pid: child.pid ?? 0, port, address: `localhost:${port}`, startMs: performance.now() - from, stop };
}

/** @param {string} directory @param {number} port @param {readonly string[]} nodeOptions */
function minikafkaCommand(directory, port, nodeOptions) {
  const config = writeProperties(directory, SHARED_CONFIG);
  const flags = ['--port', String(port), '--data', join(directory, 'data'), '--config', config];
  return [process.execPath, ...nodeOptions, join(root, 'bin', 'minikafka.js'), 'start', ...flags];
}

/** Formats the directory, which does not count as starting. @param {string} directory @param {number} port @param {number} controllerPort */
function kafkaCommand(directory, port, controllerPort) {
  return kafkaNodeCommand(directory, SHARED_CONFIG, port, [controllerPort]);
}

/**
 * A node of Apache Kafka that is broker and controller. Formats its directory.
 * @param {string} directory @param {Record<string, string>} configs with node.id @param {number} port @param {readonly number[]} controllerPorts of nodes 1, 2, ...
 */
export function kafkaNodeCommand(directory, configs, port, controllerPorts) {
  const controllerPort = controllerPorts[Number(configs['node.id']) - 1];
  const config = writeProperties(directory, {
    ...configs,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': controllerPorts.map((each, at) => `${at + 1}@127.0.0.1:${each}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://localhost:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
  });
  const common = ['-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${LOG4J_CONFIG}`, '-cp', brokerJars()];
  execFileSync('java', [...common, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config], { stdio: 'ignore' });
  return ['java', ...KAFKA_HEAP, ...KAFKA_JVM, ...common, 'kafka.Kafka', config];
}

/** @param {string} directory @param {Record<string, string>} properties */
export function writeProperties(directory, properties) {
  const file = join(directory, 'server.properties');
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

// Metadata (3) v1, correlation id 1, no client id, no topics.
const METADATA = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);

/**
 * Whether the broker answers Metadata and names so many brokers: Apache Kafka may listen before it knows itself.
 * @param {number} port @param {number} brokers @returns {Promise<boolean>}
 */
function answersMetadata(port, brokers) {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost');
    let answer = Buffer.alloc(0);
    const end = (/** @type {boolean} */ answered) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1000, () => end(false));
    for (const event of ['error', 'close']) socket.once(event, () => end(false));
    socket.once('connect', () => socket.write(METADATA));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 12) end(answer.readInt32BE(8) >= brokers);
    });
  });
}
