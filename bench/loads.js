import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { root } from '../scripts/stale.js';
import { spawnOwned } from './brokers.js';
import { LOG4J_CONFIG, toolsJars } from './jars.js';

/** Apache Kafka's own load tools, each in a process of its own. Their "MB" are MiB. */

/**
 * @param {string} name class in org.apache.kafka.tools @param {readonly string[]} args
 * @returns {Promise<string>} what it wrote to its standard output
 */
const runTool = (name, args) => runJava(`org.apache.kafka.tools.${name}`, args);

/** @param {string} name a class, or the path of a program in one file @param {readonly string[]} args */
function runJava(name, args) {
  const java = ['-Xmx512m', `-Dlog4j2.configurationFile=${LOG4J_CONFIG}`, '-cp', toolsJars(), name];
  const child = spawnOwned('java', [...java, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, errors] = [child.stdout, child.stderr].map((stream) => {
    /** @type {string[]} */
    const chunks = [];
    stream?.setEncoding('utf8').on('data', (chunk) => chunks.push(chunk));
    return chunks;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(out.join(''));
      else reject(new Error(`${name} ended with ${code}:\n${[...out, ...errors].join('').slice(-4000)}`));
    });
  });
}

/** @param {string} text @param {RegExp} pattern */
function numbers(text, pattern) {
  const found = pattern.exec(text);
  if (!found) throw new Error(`unexpected output:\n${text.slice(-2000)}`);
  return found.slice(1).map(Number);
}

/**
 * @param {string} address one, or several with commas @param {Record<string, number>} partitionsOf
 * @param {{ replicas: number, minInSync: number }} replication
 */
export async function createTopics(address, partitionsOf, { replicas, minInSync } = { replicas: 1, minInSync: 1 }) {
  const admin = new Kafka({ brokers: address.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = Object.entries(partitionsOf).map(([topic, numPartitions]) => ({
      topic,
      numPartitions,
      replicationFactor: replicas,
      configEntries: [{ name: 'min.insync.replicas', value: String(minInSync) }],
    }));
    await admin.createTopics({ topics, waitForLeaders: true });
  } finally {
    await admin.disconnect();
  }
}

/**
 * How the producer makes sure that nothing is there twice: not at all; by sequence numbers, which is its default; or in transactions, of so many
 * milliseconds each.
 * @typedef {'plain' | 'idempotent' | { transactionMs: number }} Guarantee
 */

/**
 * acks=all, linger 5 ms, batches of 64 KiB, no compression.
 * @param {string} address @param {string} topic @param {number} records @param {number} recordBytes @param {Guarantee} [guarantee]
 */
export async function produce(address, topic, records, recordBytes, guarantee = 'idempotent') {
  const idempotence = `enable.idempotence=${guarantee !== 'plain'}`;
  const properties = [`bootstrap.servers=${address}`, 'acks=all', 'linger.ms=5', 'batch.size=65536', 'compression.type=none', idempotence];
  const size = ['--num-records', String(records), '--record-size', String(recordBytes), '--throughput', '-1'];
  const transactions = typeof guarantee === 'object' ? ['--transaction-duration-ms', String(guarantee.transactionMs)] : [];
  const output = await runTool('ProducerPerformance', ['--topic', topic, ...size, ...transactions, '--command-property', ...properties]);
  const summary = output.trim().split('\n').at(-1) ?? '';
  const [sent, recordsPerSecond, mibPerSecond] = numbers(summary, /^(\d+) records sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec\)/);
  if (sent !== records) throw new Error(`only ${sent} of ${records} records were acknowledged`);
  return { recordsPerSecond, mibPerSecond };
}

/** Small transactions, one after the other: see Transactions.java. @param {string} address @param {string} topic @param {number} partitions @param {number} count */
export async function commitLatency(address, topic, partitions, count) {
  const program = join(root, 'bench', 'Transactions.java');
  const output = await runJava(program, [address, topic, String(partitions), String(count)]);
  const [avgMs, medianMs, p99Ms] = numbers(output, /^Avg latency: ([\d.]+) ms, median ([\d.]+) ms, 99th ([\d.]+) ms/);
  return { avgMs, medianMs, p99Ms };
}

/** One consumer in a group of its own, from the start; the time to join the group does not count. @param {string} address @param {string} topic @param {number} records */
export async function consume(address, topic, records) {
  const args = ['--bootstrap-server', address, '--topic', topic, '--num-records', String(records), '--hide-header', '--timeout', '30000'];
  const output = await runTool('ConsumerPerformance', args);
  const columns = (output.trim().split('\n').at(-1) ?? '').split(',').map((column) => column.trim());
  const [consumed, mibPerSecond] = [Number(columns[4]), Number(columns[8])];
  if (!(consumed >= records) || !Number.isFinite(mibPerSecond)) throw new Error(`not all of ${records} records were consumed:\n${output}`);
  return { mibPerSecond };
}

/** One record of 128 bytes at a time, acks=all, until the consumer has it. @param {string} address @param {string} topic @param {number} records */
export async function endToEndLatency(address, topic, records) {
  const output = await runTool('EndToEndLatency', [address, topic, String(records), 'all', '128']);
  const [avgMs] = numbers(output, /Avg latency: ([\d.]+) ms/);
  const [p99Ms] = numbers(output, /99th = (\d+)/);
  return { avgMs, p99Ms };
}
