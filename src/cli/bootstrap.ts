import { Connection } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import { ApiVersions } from '../protocol/messages/index.ts';
import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';
import { CliError, messageOf, usageError } from './errors.ts';

const DEFAULT_PORT = 9092;
const CONNECT_TIMEOUT_MS = 5_000;
/** The longest that a broker may think about its versions: what does not answer by then speaks another protocol. */
const VERSIONS_TIMEOUT_MS = 10_000;

/** `host:port,..`; a port that is left out is 9092, IPv6 addresses stand in brackets. @throws CliError (usage) */
export function parseBootstrapServers(text: string): Address[] {
  return text.split(',').map((each) => {
    const [, v6, name, port] = /^\s*(?:\[([0-9a-zA-Z:.%-]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?\s*$/.exec(each) ?? [];
    const address = { host: v6 ?? name ?? '', port: Number(port ?? DEFAULT_PORT) };
    if (address.host !== '' && address.port >= 1 && address.port <= 65535) return address;
    throw usageError(`--bootstrap-server ${text}: "${each.trim()}" is no address; write host:port, as in localhost:9092`);
  });
}

export const addressOf = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** None of the bootstrap servers is a broker that answers. */
export class NoBrokerError extends CliError {
  /** Each address with the reason. */
  readonly where: string;
  constructor(where: string) {
    super(`no broker answers at ${where}; start one with "minikafka start", or give the address with --bootstrap-server`);
    this.where = where;
  }
}

/** A connection to one broker that speaks each API at the highest version that both sides know. */
export class BootstrapConnection {
  private readonly connection: Connection;
  private readonly served: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }>;

  /**
   * Tries one address after the other.
   * @param deadlineMs of the clock's monotonic time, when to give up; default: when each had its time
   * @throws NoBrokerError that says why each of them failed
   */
  static async open(
    servers: readonly Address[],
    transport: Transport,
    clock: Clock,
    deadlineMs = Number.POSITIVE_INFINITY,
  ): Promise<BootstrapConnection> {
    const failures: string[] = [];
    for (const address of servers) {
      try {
        return await BootstrapConnection.openOne(address, transport, clock, deadlineMs);
      } catch (error) {
        failures.push(`${addressOf(address)} (${reasonOf(error)})`);
      }
    }
    throw new NoBrokerError(failures.join(', '));
  }

  private static async openOne(address: Address, transport: Transport, clock: Clock, deadlineMs: number): Promise<BootstrapConnection> {
    const within = (ms: number) => Math.max(1, Math.min(ms, deadlineMs - clock.monotonicMs()));
    const connection = await Connection.open(transport, clock, address, {
      clientId: 'minikafka-cli',
      connectTimeoutMs: within(CONNECT_TIMEOUT_MS),
    });
    try {
      // Version 0 is the one that every broker understands (KIP-35).
      const { errorCode, apiKeys } = await connection.request(ApiVersions, 0, {}, within(VERSIONS_TIMEOUT_MS));
      if (errorCode !== 0) throw new Error(`ApiVersions answers error ${errorCode}`);
      return new BootstrapConnection(connection, new Map(apiKeys.map((each) => [each.apiKey, each])));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  private constructor(connection: Connection, served: BootstrapConnection['served']) {
    this.connection = connection;
    this.served = served;
  }

  get address(): Address {
    return this.connection.address;
  }

  /**
   * The version that requests of this API are sent in.
   * @param newest the highest that is wanted, where a later one asks for what one does not have
   * @throws CliError when the two sides have none in common
   */
  version<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, newest: number = api.versions[1]): number {
    const theirs = this.served.get(api.key);
    const version = Math.min(newest, theirs?.maxVersion ?? -1);
    if (theirs && version >= Math.max(api.versions[0], theirs.minVersion)) return version;
    throw new CliError(`the broker at ${addressOf(this.address)} has no version of ${api.name} that minikafka speaks`);
  }

  serves(api: Pick<Api, 'key'>): boolean {
    return this.served.has(api.key);
  }

  request<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, body: Encodable<Req>, timeoutMs?: number): Promise<Decoded<Res>> {
    return this.connection.request(api, this.version(api), body, timeoutMs);
  }

  /** @param version one that `version` gave */
  requestAt<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, version: number, body: Encodable<Req>): Promise<Decoded<Res>> {
    return this.connection.request(api, version, body);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}

/** Node's errors of connecting in a person's words. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  // Node's error of a host with several addresses, none of which answers, has no message of its own.
  if (message.includes('ECONNREFUSED') || /^no connection to \S+:$/.test(message)) return 'connection refused';
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return 'unknown host';
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(message)) return 'not reachable';
  const answeredNonsense = error instanceof Error && error.name === 'DecodeError';
  if (answeredNonsense || (error instanceof KafkaError && /is closed: it sent/.test(message))) return 'that is no Kafka broker';
  return message;
}

/** What is thrown when a broker has not what a command needs. @param what verb and object, as in "matches patterns" */
export const tooOld = (connection: BootstrapConnection, version: string, what: string): CliError =>
  new CliError(`the broker at ${addressOf(connection.address)} is older than Kafka ${version}, the first that ${what}`);
