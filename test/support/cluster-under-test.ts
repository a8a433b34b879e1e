import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { FindCoordinator } from '../../src/protocol/messages/index.ts';
import { type StartClusterOptions, startCluster, type TestCluster } from '../../src/testing.ts';
import { eventually } from './eventually.ts';

/** One cluster of broker processes for all tests of this file. A failed test says where its logs were. */
export function clusterUnderTest(options: StartClusterOptions = {}): { readonly cluster: TestCluster } {
  let cluster: TestCluster | null = null;
  beforeAll(async () => {
    cluster = await startCluster({ cuttable: 'none', ...options });
  });
  beforeEach(async () => {
    for (const broker of cluster!.brokers) if (!broker.running) await broker.start();
  });
  afterAll(async () => {
    await cluster?.close();
  });
  return {
    get cluster() {
      if (!cluster) throw new Error('the cluster has not started');
      return cluster;
    },
  };
}

/** The broker that coordinates a group, as one that runs says; asks until there is one that runs. */
export function coordinatorOf(cluster: TestCluster, group: string): Promise<number> {
  return eventually(async () => {
    const asked = cluster.brokers.find(({ running }) => running)!;
    const connection = await Connection.open(tcpTransport, realClock, { host: 'localhost', port: asked.port });
    try {
      const { coordinators } = await connection.request(FindCoordinator, 4, { coordinatorKeys: [group] });
      const { errorCode, nodeId } = coordinators[0]!;
      if (errorCode !== 0) throw new Error(`FindCoordinator of ${group}: ${errorCode}`);
      if (!cluster.broker(nodeId).running) throw new Error(`the coordinator of ${group} is still broker ${nodeId}`);
      return nodeId;
    } finally {
      await connection.close();
    }
  });
}
