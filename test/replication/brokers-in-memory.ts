import { brokerConfig } from '../../src/config.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { type MemoryNetwork, memoryNetwork } from '../../src/core/memory-transport.ts';
import type { Services } from '../../src/handlers/services.ts';
import { Broker } from '../../src/server.ts';
import { keptStore, type Logged, listLogger } from '../support/memory-broker.ts';
import { RawClient } from '../support/raw-client.ts';

export interface MemberBroker {
  readonly broker: Broker;
  readonly services: Services;
  readonly files: MemoryFiles;
  readonly logged: Logged[];
  client(): Promise<RawClient>;
}

export interface MemoryCluster {
  readonly clock: FakeClock;
  readonly network: MemoryNetwork;
  /** By node id, from 1 on. */
  member(id: number): MemberBroker;
  close(): Promise<void>;
}

/** Several whole brokers on one fake clock, one metadata store and one network; each has a disk of its own and the host `broker-ID`. */
export async function memoryCluster(count: number, configs: Readonly<Record<string, string>> = {}): Promise<MemoryCluster> {
  const clock = fakeClock();
  const network = memoryNetwork(clock);
  const openStore = keptStore();
  const members = new Map<number, MemberBroker>();
  for (let id = 1; id <= count; id++) {
    const files = memoryFiles({ clock });
    const logged: Logged[] = [];
    let services: Services | undefined;
    const own = { 'node.id': String(id), listeners: `PLAINTEXT://broker-${id}:9092`, 'log.dirs': '/data' };
    const broker = await Broker.start({
      config: brokerConfig(new Map(Object.entries({ ...own, ...configs }))),
      files,
      clock,
      transport: network.transport(`broker-${id}`),
      dataDir: '/data',
      openStore,
      logger: listLogger(logged),
      observe: (parts) => {
        services = parts;
      },
    });
    const client = () => RawClient.connect(network.transport('client'), `broker-${id}`, 9092);
    members.set(id, { broker, services: services!, files, logged, client });
  }
  await clock.settle();
  return {
    clock,
    network,
    member: (id) => members.get(id)!,
    close: async () => {
      for (const { broker } of members.values()) {
        const closing = broker.close();
        for (let i = 0; i < 50; i++) await clock.advance(100);
        await closing;
      }
    },
  };
}
