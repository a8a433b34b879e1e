/// <reference lib="esnext.disposable" preserve="true" />
import { realClock } from './core/clock.ts';
import { KafkaError } from './core/errors.ts';
import { tcpTransport } from './core/tcp-transport.ts';
import type { Backend } from './testing/backend.ts';
import { BrokerProcesses } from './testing/broker-processes.ts';
import { checkClusterOptions } from './testing/check-options.ts';
import { Links } from './testing/links.ts';
import type { StartClusterOptions, TestCluster } from './testing/options.ts';
import { Cluster } from './testing/test-cluster.ts';

export type { ClusterTopicOptions, CutHow, StartClusterOptions, TestBroker, TestCluster, WaitOptions } from './testing/options.ts';
export { KafkaError };

/**
 * Starts a cluster for a test, and gives the handles to wreck it. It ends with this process, however that ends.
 * @throws TypeError for options that do not exist or are of a wrong kind; Error with one line that says why a broker cannot start
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  checkClusterOptions(options);
  if (options.mode === 'in-process' && options.data !== undefined) throw new TypeError('startCluster: data is for processes; leave it out');
  const { brokers = 3, cuttable = 'brokers', topics = {} } = options;
  const brokerIds = Array.from({ length: brokers }, (_, i) => i + 1);
  let links: Links | null = null;
  const backend: Backend =
    options.mode === 'in-process'
      ? new (await import('./testing/brokers-in-process.ts')).BrokersInProcess(options, brokerIds, () => links)
      : new BrokerProcesses(options, brokerIds, () => links);
  if (cuttable !== 'none') links = await Links.open(tcpTransport, realClock, brokerIds, cuttable === 'all', (id) => backend.port(id));
  const cluster = new Cluster(brokerIds, backend, links, tcpTransport, realClock);
  try {
    await backend.startAll();
    await cluster.waitForBrokers({ timeoutMs: options.timeoutMs ?? 30_000 });
    for (const [name, topic] of Object.entries(topics)) {
      await cluster.createTopic(name, topic).catch((error: unknown) => {
        if (!(error instanceof KafkaError && error.errorName === 'TOPIC_ALREADY_EXISTS')) throw error;
      });
    }
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}
