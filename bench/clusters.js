import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../scripts/stale.js';
import { freePort, kafkaNodeCommand, leftovers, runBroker } from './brokers.js';

/** @import { Broker, Side } from './brokers.js' */
/** @typedef {{ side: Side, address: string, pids: () => number[], stop: () => Promise<void> }} Cluster `pids`: of all its processes, as they are now */

const NODES = 3;
const REPLICATION = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'group.initial.rebalance.delay.ms': '0',
};
/** Ports for `cluster start` are neighbours; below those that the system gives to clients. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** Three nodes on fresh data directories, once each names all three. @param {Side} side @returns {Promise<Cluster>} */
export function startCluster(side) {
  const directory = mkdtempSync(join(tmpdir(), `minikafka-bench-${side}-cluster-`));
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  leftovers.add(removeDirectory);
  return side === 'kafka' ? startKafka(directory, removeDirectory) : startMinikafka(directory, removeDirectory);
}

/** @param {string} directory @param {() => void} removeDirectory @returns {Promise<Cluster>} */
async function startMinikafka(directory, removeDirectory) {
  const base = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
  const flags = ['--brokers', String(NODES), '--base-port', String(base), '--data', join(directory, 'data')];
  const command = [process.execPath, join(root, 'bin', 'minikafka.js'), 'cluster', 'start', ...flags];
  const ports = Array.from({ length: NODES }, (_, at) => base + at);
  const { pid, stop } = await runBroker({ side: 'minikafka', command, directory, ports, removeDirectory });
  const address = ports.map((port) => `localhost:${port}`).join(',');
  return { side: 'minikafka', address, pids: () => [pid, ...childrenOf(pid)], stop: () => stop('SIGTERM') };
}

/** @param {string} directory @param {() => void} removeDirectory @returns {Promise<Cluster>} */
async function startKafka(directory, removeDirectory) {
  const ports = await freePorts();
  const controllerPorts = await freePorts();
  /** @type {Promise<Broker>[]} */
  const starting = [];
  for (let id = 1; id <= NODES; id++) {
    const own = join(directory, String(id));
    mkdirSync(own);
    const command = kafkaNodeCommand(own, { ...REPLICATION, 'node.id': String(id) }, ports[id - 1], controllerPorts);
    starting.push(runBroker({ side: 'kafka', command, directory: own, ports: [ports[id - 1]], removeDirectory: () => {} }));
  }
  const brokers = await Promise.all(starting);
  const stop = async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    removeDirectory();
    leftovers.delete(removeDirectory);
  };
  const address = ports.map((port) => `localhost:${port}`).join(',');
  return { side: 'kafka', address, pids: () => brokers.map(({ pid }) => pid), stop };
}

/** @returns {Promise<number[]>} */
async function freePorts() {
  return Promise.all(Array.from({ length: NODES }, freePort));
}

/** @param {number} pid */
function childrenOf(pid) {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
