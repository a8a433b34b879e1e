import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.ts';
import type { Venue } from '../../src/conformance/venue.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { Metadata } from '../../src/protocol/messages/index.ts';
import { startCluster } from '../../src/testing.ts';
import { CLUSTER_ID, fetchJars, JAVA_ARGS, type KafkaVersion } from './apache-kafka.ts';
import { freePort, type RunningBroker, SHARED_CONFIG, startProcess, temporaryDirectory } from './broker-process.ts';

/** Three brokers, of Apache Kafka or of minikafka, and where scenarios are played on them. */
export interface ClusterVenue {
  readonly name: string;
  readonly venue: Omit<Venue, 'record'>;
  /** Ends a broker as kill -9 does, and waits until the others count it as dead. */
  kill(id: number): Promise<void>;
  /** Ends one and starts another again, and waits then: Apache Kafka's controllers need two of three to count anybody as dead. */
  swap(killed: number, restarted: number): Promise<void>;
  /** Starts it again, and waits until all that run count it as alive. */
  restart(id: number): Promise<void>;
  /** @param keep leaves the directories, with the logs */
  close(keep: boolean): Promise<void>;
}

const IDS = [1, 2, 3];
const RACKS = ['rack-a', 'rack-b', 'rack-c'];
/** What both clusters run with, beside what each needs to run at all. */
const CLUSTER_CONFIG: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(SHARED_CONFIG).filter(([name]) => name !== 'node.id')),
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  // Leaders move when scenarios say so.
  'auto.leader.rebalance.enable': 'false',
};
const SETTLED_WITHIN_MS = 60_000;

export async function apacheKafkaCluster(version: KafkaVersion): Promise<ClusterVenue> {
  const jars = fetchJars(version);
  const ports = await Promise.all(IDS.map(freePort));
  const controllerPorts = await Promise.all(IDS.map(freePort));
  const voters = IDS.map((id, i) => `${id}@127.0.0.1:${controllerPorts[i]}`).join(',');
  const starting = IDS.map((id, i) => {
    const directory = temporaryDirectory(`kafka-${version}-node-${id}`);
    const properties = {
      ...CLUSTER_CONFIG,
      'node.id': String(id),
      'broker.rack': RACKS[i]!,
      'process.roles': 'broker,controller',
      'controller.quorum.voters': voters,
      listeners: `PLAINTEXT://127.0.0.1:${ports[i]},CONTROLLER://127.0.0.1:${controllerPorts[i]}`,
      'advertised.listeners': `PLAINTEXT://localhost:${ports[i]}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      'log.dirs': join(directory, 'data'),
      // A dead broker is fenced soon.
      'broker.heartbeat.interval.ms': '500',
      'broker.session.timeout.ms': '3000',
    };
    const file = join(directory, 'server.properties');
    const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(file, lines.join(''));
    const java = [...JAVA_ARGS, '-cp', `${jars}/*`];
    execFileSync('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file], { stdio: 'ignore' });
    return startProcess(`Apache Kafka ${version} node ${id}`, directory, ports[i]!, ['java', ...java, 'kafka.Kafka', file]);
  });
  const nodes: RunningBroker[] = await Promise.all(starting);
  const venue = venueOf(ports);
  return {
    name: `Apache Kafka ${version} on three nodes`,
    venue,
    ...(await lifeOf(ports, {
      kill: (id) => nodes[id - 1]!.stop(true),
      restart: async (id) => {
        nodes[id - 1] = await nodes[id - 1]!.again();
      },
    })),
    close: async (keep) => void (await Promise.all(nodes.map((node) => node.stop(keep)))),
  };
}

export async function minikafkaCluster(): Promise<ClusterVenue> {
  const data = temporaryDirectory('minikafka-cluster');
  const cluster = await startCluster({ brokers: 3, cuttable: 'none', config: CLUSTER_CONFIG, racks: RACKS, data });
  const ports = cluster.brokers.map(({ port }) => port);
  return {
    name: `minikafka on three brokers (${data})`,
    venue: venueOf(ports),
    ...(await lifeOf(ports, { kill: (id) => cluster.broker(id).kill(), restart: (id) => cluster.broker(id).start() })),
    close: () => cluster.close(),
  };
}

function venueOf(ports: readonly number[]): Omit<Venue, 'record'> {
  const brokers = ports.map((port) => ({ host: 'localhost', port }));
  return { transport: tcpTransport, clock: realClock, address: brokers[0]!, brokers };
}

type Life = Pick<ClusterVenue, 'kill' | 'restart' | 'swap'>;

/** The deaths and returns of brokers, each with the wait until all others know. */
async function lifeOf(ports: readonly number[], how: Pick<ClusterVenue, 'kill' | 'restart'>): Promise<Life> {
  const alive = new Set(IDS);
  const allKnow = () =>
    settled(
      [...alive].map((id) => ports[id - 1]!),
      alive.size,
    );
  await allKnow();
  return {
    async kill(id) {
      await how.kill(id);
      alive.delete(id);
      await allKnow();
    },
    async swap(killed, restarted) {
      await how.kill(killed);
      await how.restart(restarted);
      alive.delete(killed);
      alive.add(restarted);
      await allKnow();
    },
    async restart(id) {
      await how.restart(id);
      alive.add(id);
      await allKnow();
    },
  };
}

/** Waits until each of the brokers knows of so many. */
async function settled(ports: readonly number[], brokers: number): Promise<void> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  for (const port of ports) {
    const connection = await Connection.open(tcpTransport, realClock, { host: 'localhost', port });
    try {
      while ((await connection.request(Metadata, 12, { topics: [] })).brokers.length !== brokers) {
        if (Date.now() > deadline) throw new Error(`the broker at ${port} does not know of ${brokers} brokers`);
        await sleep(100);
      }
    } finally {
      await connection.close();
    }
  }
}
