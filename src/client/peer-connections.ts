import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';
import { Connection } from './connection.ts';

export interface PeerConnectionsOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Where brokers reach this broker now; undefined: it is not known. */
  readonly addressOf: (nodeId: number) => Address | undefined;
  /** What the others see as client id. */
  readonly clientId: string;
}

const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Connections to the other brokers of the cluster, one for each API, opened when they are needed and again when they were lost. A broker answers in
 * the order in which it was asked on a connection, so what waits long, as for markers to be committed, would hold up what is answered at once.
 */
export class PeerConnections {
  private readonly options: PeerConnectionsOptions;
  /** By broker and API. */
  private readonly open = new Map<string, { readonly address: Address; readonly connection: Promise<Connection> }>();
  private closed = false;

  constructor(options: PeerConnectionsOptions) {
    this.options = options;
  }

  /** Sends a request to a broker. Rejects with NETWORK_EXCEPTION, REQUEST_TIMED_OUT; DecodeError for a response of another form. */
  async request<Req extends Fields, Res extends Fields>(
    nodeId: number,
    api: Api<Req, Res>,
    version: number,
    body: Encodable<Req>,
    timeoutMs: number,
  ): Promise<Decoded<Res>> {
    const connection = await this.connectionTo(nodeId, api.key);
    return connection.request(api, version, body, timeoutMs);
  }

  close(): void {
    this.closed = true;
    for (const { connection } of this.open.values()) connection.then((each) => each.close()).catch(() => {});
    this.open.clear();
  }

  private connectionTo(nodeId: number, apiKey: number): Promise<Connection> {
    const address = this.options.addressOf(nodeId);
    if (this.closed || !address) return Promise.reject(new KafkaError('NETWORK_EXCEPTION', `where broker ${nodeId} is, is not known`));
    const key = `${nodeId} ${apiKey}`;
    const known = this.open.get(key);
    if (known && known.address.host === address.host && known.address.port === address.port) return known.connection;
    known?.connection.then((each) => each.close()).catch(() => {});
    const { clientId, clock, transport } = this.options;
    const connection = Connection.open(transport, clock, address, { clientId, connectTimeoutMs: CONNECT_TIMEOUT_MS });
    const opened = { address, connection };
    const forget = () => {
      if (this.open.get(key) === opened) this.open.delete(key);
    };
    this.open.set(key, opened);
    connection.then((each) => {
      if (this.closed) each.close();
      each.closed.then(forget);
    }, forget);
    return connection;
  }
}
