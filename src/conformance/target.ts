import { Connection } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import {
  CreateTopics,
  DescribeConfigs,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetFetch,
} from '../protocol/messages/index.ts';
import { askOffered, type Offered, offers } from './offered.ts';
import type { DescribedConfig } from './settings.ts';
import type { Self } from './venue.ts';

/** The broker that is looked at, as it presents itself. */
export interface Target {
  readonly address: Address;
  readonly offered: Offered;
  readonly self: Self;
  readonly clusterId: string | null;
  /** Of its cluster. */
  readonly brokers: number;
  /** Its configs with the version of DescribeConfigs that told them; null: it does not tell. */
  readonly configs: { readonly version: number; readonly list: readonly DescribedConfig[] } | null;
}

const WITHIN_MS = 10_000;
const BROKER = 4;
/** What scenarios need to get going (`AROUND` in stage.ts). */
const NEEDED = [
  [CreateTopics, 7],
  [Metadata, 12],
  [ListOffsets, 7],
  [FindCoordinator, 4],
  [OffsetFetch, 8],
  [InitProducerId, 4],
] as const;

/** Gets to know a broker. @throws KafkaError when nobody answers, or it is none that scenarios can be played on */
export async function askTarget(transport: Transport, clock: Clock, address: Address): Promise<Target> {
  const offered = await askOffered(transport, clock, address);
  const missing = NEEDED.filter(([api, version]) => !offers(offered, api.key, version)).map(([{ name }, version]) => `${name} v${version}`);
  if (missing.length > 0)
    throw new KafkaError('UNSUPPORTED_VERSION', `scenarios need ${missing.join(', ')}, which the broker does not offer`);
  const connection = await Connection.open(transport, clock, address, { clientId: 'conformance' });
  try {
    const { brokers, clusterId } = await connection.request(Metadata, 12, { topics: [] }, WITHIN_MS);
    const self =
      brokers.find(({ host, port }) => host === address.host && port === address.port) ??
      brokers.find(({ port }) => port === address.port) ??
      brokers[0];
    if (!self) throw new KafkaError('BROKER_NOT_AVAILABLE', 'the broker knows of no broker yet, not even of itself');
    const { nodeId, host, port, rack } = self;
    return {
      address,
      offered,
      self: { nodeId, host, port, rack },
      clusterId,
      brokers: brokers.length,
      configs: await configsOf(connection, offered, nodeId),
    };
  } finally {
    await connection.close();
  }
}

async function configsOf(connection: Connection, offered: Offered, nodeId: number): Promise<Target['configs']> {
  const version = [4, 3, 2, 1].find((each) => offers(offered, DescribeConfigs.key, each));
  if (version === undefined) return null;
  const resources = [{ resourceType: BROKER, resourceName: String(nodeId), configurationKeys: null }];
  const { results } = await connection.request(DescribeConfigs, version, { resources }, WITHIN_MS);
  return results[0]?.errorCode === 0 ? { version, list: results[0].configs } : null;
}
