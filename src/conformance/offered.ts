import { Connection } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import { ApiVersions, Produce } from '../protocol/messages/index.ts';

/** First and last version that a broker offers of each API, by api key. */
export type Offered = ReadonlyMap<number, readonly [number, number]>;

const WITHIN_MS = 10_000;
/** The first version of Produce whose records are no message sets. */
const FIRST_WITH_BATCHES = 3;

/**
 * Asks a broker what it offers. Apache Kafka 4.x advertises Produce from version 0 on, since old librdkafkas would not compress otherwise, and
 * closes the connection when it gets one below 3 (KIP-896): there the word of a trial counts, not that of ApiVersions.
 * @throws KafkaError when nobody answers, or with an error
 */
export async function askOffered(transport: Transport, clock: Clock, address: Address): Promise<Offered> {
  const connection = await Connection.open(transport, clock, address, { clientId: 'conformance' });
  try {
    const { errorCode, apiKeys } = await connection.request(ApiVersions, 0, {}, WITHIN_MS);
    if (errorCode !== 0) throw new KafkaError('UNKNOWN_SERVER_ERROR', `ApiVersions answers error ${errorCode}`);
    const offered = new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion] as const]));
    const [first, last] = offered.get(Produce.key) ?? [FIRST_WITH_BATCHES, 0];
    if (first < FIRST_WITH_BATCHES && last >= FIRST_WITH_BATCHES && (await closesOn(connection, first))) {
      offered.set(Produce.key, [FIRST_WITH_BATCHES, last]);
    }
    return offered;
  } finally {
    await connection.close();
  }
}

async function closesOn(connection: Connection, version: number): Promise<boolean> {
  try {
    await connection.request(Produce, version, { acks: 1, timeoutMs: 1000, topicData: [] }, WITHIN_MS);
    return false;
  } catch (error) {
    return error instanceof KafkaError && error.errorName === 'NETWORK_EXCEPTION';
  }
}

export function offers(offered: Offered, apiKey: number, version: number): boolean {
  const [first, last] = offered.get(apiKey) ?? [0, -1];
  return version >= first && version <= last;
}
