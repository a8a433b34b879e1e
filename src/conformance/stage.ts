import { Connection, type RawHeader } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { compile } from '../protocol/codec.ts';
import {
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetFetch,
} from '../protocol/messages/index.ts';
import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';
import { Reader, Writer } from '../protocol/wire.ts';
import { AROUND } from './around.ts';
import { askedBytes, outcomeOf } from './asked.ts';
import { swapNodeIds } from './node-ids.ts';
import { Normaliser } from './normaliser.ts';
import { RawConnection } from './raw-connection.ts';
import type { Asked, Entry, Json } from './transcript.ts';
import { pause, type Venue } from './venue.ts';

/** The node that a scenario takes its broker for. */
const SCENARIO_NODE = 1;

/** Before a scenario counts as broken, not as slow: Kafka creates a topic in 10 ms, on a laden machine in seconds. */
const SETTLE_WITHIN_MS = 15_000;
const ASK_AGAIN_MS = 10;
/** A request that no broker answers within this time gets no response. */
const RESPONSE_WITHIN_MS = 10_000;
const CLIENT_ID = 'conformance';
const MAX_COORDINATED_NAMES = 200;
const KEY_TYPES = { group: 0, transaction: 1 } as const;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * What a scenario plays on: one broker, at one version of the API it is about. `Req` and `Res` are that API's.
 * Steps are recorded; everything else prepares them and is not.
 */
export class Stage<Req = unknown, Res = unknown> {
  readonly version: number;
  private readonly venue: Venue;
  private readonly scenario: string;
  private readonly api: Api;
  private readonly normaliser: Normaliser;
  private readonly connections = new Map<string, Connection>();
  private readonly rawConnections = new Set<RawConnection>();
  private isClosed = false;
  private readonly opened = new Set<Connection>();
  private readonly steps = new Map<string, number>();
  private readonly abort = (): void => void this.close();

  constructor(venue: Venue, scenario: string, version: number, api: Api) {
    this.venue = venue;
    this.scenario = scenario;
    this.version = version;
    this.api = api;
    this.normaliser = new Normaliser(
      venue.clock,
      (venue.brokers ?? [venue.self ?? venue.address]).map(({ port }) => port),
      this.prefix(),
      venue.self,
    );
    venue.signal?.addEventListener('abort', this.abort, { once: true });
  }

  get clock(): Clock {
    return this.venue.clock;
  }

  /** A name for a topic or group that no other scenario or version uses. */
  name(own: string): string {
    const name = this.prefix() + own;
    if (own !== '') this.venue.named?.(name);
    return name;
  }

  private prefix(): string {
    const slug = this.scenario.replace(/[^A-Za-z0-9]+/g, '-').toLowerCase();
    return `${this.venue.runId ?? ''}${slug}-v${this.version}-`;
  }

  /** Sends a request of this scenario's API and records what came of it. null: no response. */
  async step(name: string, body: Req, show?: (response: Res) => unknown): Promise<Res | null> {
    return (await this.stepOf(this.api, this.version, name, body as never, show as never)) as Res | null;
  }

  /** The same with another API or version, where a scenario looks at what its requests have done. */
  async stepOf<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    name: string,
    body: Encodable<Q>,
    show: (response: Decoded<R>) => unknown = (response) => response,
    on = 'main',
  ): Promise<Decoded<R> | null> {
    const answer = await this.attempt(api, version, body, on);
    return this.take(api, version, name, body, answer, show);
  }

  private take<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    name: string,
    body: Encodable<Q>,
    answer: Attempted<R>,
    show: (response: Decoded<R>) => unknown = (response) => response,
  ): Decoded<R> | null {
    const isAnswer = typeof answer !== 'string';
    const response = isAnswer ? this.normaliser.normalise(api.name, show(answer)) : null;
    this.record(name, isAnswer ? 'response' : answer, response, this.asked(api, version, body));
    return isAnswer ? answer : null;
  }

  /** Asks until `accept` holds, and records that response (or the last one): for what Kafka does in the background. */
  async eventually(name: string, body: Req, accept: (response: Res) => boolean, show?: (response: Res) => unknown): Promise<Res | null> {
    await this.until(this.api, this.version, body as never, accept as never);
    return this.step(name, body, show);
  }

  /** The same, but records the very answer that was accepted: for what does not stay so. */
  async once(name: string, body: Req, accept: (response: Res) => boolean): Promise<void> {
    const answer = await this.until(this.api, this.version, body as never, accept as never);
    this.take(this.api, this.version, name, body as never, answer ?? 'no response');
  }

  /**
   * Asks until `accept` holds, without recording. Gives the last response, also when it has had to give up: the recorded step that follows
   * shows the difference. null: there was no response at all.
   */
  async until<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Q>,
    accept: (response: Decoded<R>) => boolean,
    on = 'setup',
  ): Promise<Decoded<R> | null> {
    const deadline = this.venue.clock.monotonicMs() + SETTLE_WITHIN_MS;
    for (;;) {
      const answer = await this.attempt(api, version, body, on);
      const response = typeof answer === 'string' ? null : answer;
      if ((response && accept(response)) || this.venue.clock.monotonicMs() >= deadline) return response;
      await this.pause(ASK_AGAIN_MS);
    }
  }

  /** Sends a request whose response may wait for a later one, on a connection of its own. It is recorded when `finish` is called. */
  async begin<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    name: string,
    body: Encodable<Q>,
    on: string,
  ): Promise<{ finish(): Promise<Decoded<R> | null> }> {
    await this.connection(on);
    const pending = this.attempt(api, version, body, on);
    return {
      finish: async () => {
        const answer = await pending;
        return this.take(api, version, name, body, answer);
      },
    };
  }

  /** Sends a request that must not be answered, then one that must: the answer to the second proves that the first got none. */
  async silent(name: string, body: Req): Promise<void> {
    const connection = await this.connection('main');
    connection.send(this.api, this.version, body as never);
    await this.stepOf(ApiVersions, 0, `${name}, then ApiVersions`, {}, ({ errorCode }) => ({ errorCode }));
  }

  /** Sends any bytes under any header, and records the response as hex, or only that there was one: for requests that no declaration describes. */
  async raw(name: string, header: RawHeader, body: Uint8Array, show: 'hex' | 'answered' = 'hex'): Promise<void> {
    const connection = await this.connection('main');
    try {
      const frame = await connection.exchange(header, (writer) => writer.splice(body), RESPONSE_WITHIN_MS);
      this.record(name, 'response', show === 'hex' ? frame.subarray(4).toString('hex') : 'answered', askedBytes(header, body));
    } catch (error) {
      const outcome = outcomeOf(error);
      this.venue.signal?.throwIfAborted();
      this.record(name, outcome, null, askedBytes(header, body));
    }
  }

  /** Sends bytes without any frame of ours, and records whether the broker closes the connection on it. */
  async rawBytes(name: string, bytes: Uint8Array): Promise<void> {
    const connection = await this.connection('bytes');
    connection.sendBytes(bytes);
    const closed = await Promise.race([connection.closed.then(() => true), this.pause(1000).then(() => false)]);
    this.record(name, closed ? 'connection closed' : 'no response', null, {
      api: '',
      version: 0,
      body: Buffer.from(bytes).toString('hex'),
    });
  }

  /** A connection for bytes that are no requests. */
  async rawConnection(): Promise<RawConnection> {
    const { transport, clock, address, signal } = this.venue;
    signal?.throwIfAborted();
    for (const raw of this.rawConnections) if (raw.closed) this.rawConnections.delete(raw);
    const fresh = new RawConnection(await transport.connect(address, RESPONSE_WITHIN_MS), clock);
    this.rawConnections.add(fresh);
    return fresh;
  }

  /** Records what a scenario found out by other means than one request and its response. */
  note(name: string, found: Json, asked: Asked = { api: '', version: 0, body: null }): void {
    this.record(name, 'response', found, asked);
  }

  /** Sends a request without recording. @throws KafkaError when there is no response */
  async ask<Q extends Fields, R extends Fields>(api: Api<Q, R>, version: number, body: Encodable<Q>, on = 'setup'): Promise<Decoded<R>> {
    const answer = await this.attempt(api, version, body, on);
    if (typeof answer === 'string')
      throw new KafkaError('NETWORK_EXCEPTION', `${this.scenario} v${this.version}: ${api.name} v${version}: ${answer}`);
    return answer;
  }

  /** Creates a topic and waits until it takes requests. */
  async topic(
    own: string,
    options: { partitions?: number; configs?: Readonly<Record<string, string>> } = {},
  ): Promise<{ name: string; topicId: string }> {
    const name = this.name(own);
    const partitions = options.partitions ?? 1;
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const created = await this.ask(CreateTopics, AROUND.createTopics, {
      topics: [{ name, ...this.placement(partitions), configs }],
    });
    const { errorCode, errorMessage } = created.topics[0]!;
    if (errorCode !== 0) throw new Error(`${this.scenario} v${this.version}: topic ${name} is not created: ${errorCode} ${errorMessage}`);
    return { name, topicId: await this.ready(name, partitions) };
  }

  /** Adds partitions to a topic of this scenario. */
  async grow(name: string, from: number, to: number): Promise<void> {
    const assignments = this.venue.pinned ? Array.from({ length: to - from }, () => ({ brokerIds: [SCENARIO_NODE] })) : null;
    const topics = [{ name, count: to, assignments }];
    await this.ask(CreatePartitions, AROUND.createPartitions, { topics, timeoutMs: 5000, validateOnly: false });
    await this.ready(name, to);
  }

  private placement(partitions: number) {
    if (!this.venue.pinned) return { numPartitions: partitions, replicationFactor: 1, assignments: [] };
    const assignments = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, brokerIds: [SCENARIO_NODE] }));
    return { numPartitions: -1, replicationFactor: -1, assignments };
  }

  /** Waits until every partition of a topic has a leader that answers, and every broker of a cluster knows it. Gives the topic's id. */
  async ready(name: string, partitions = 1): Promise<string> {
    let topicId = '';
    let leaders = new Map<number, number>();
    const { brokers, down = [] } = this.venue;
    const alive = brokers?.map((_, i) => i + 1).filter((id) => !down.includes(id));
    const asked = alive?.map((id) => `broker ${id}`) ?? ['setup'];
    const [first] = asked;
    for (const on of asked) {
      const request = { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name }], allowAutoTopicCreation: false };
      const hasLeaders = ({ topics }: Decoded<(typeof Metadata)['response']['fields']>) => {
        const topic = topics[0]!;
        // The first broker is the one that was asked to create it: another may still show the topic that had the name before.
        const isOlder = on !== first && topic.topicId !== topicId;
        topicId = on === first ? topic.topicId : topicId;
        leaders = new Map(topic.partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId]));
        const isLed = topic.partitions.length === partitions && topic.partitions.every(({ errorCode }) => errorCode === 0);
        return topic.errorCode === 0 && isLed && !isOlder;
      };
      await this.until(Metadata, AROUND.metadata, request, hasLeaders, on);
    }
    for (const leader of new Set(leaders.values())) {
      const led = [...leaders].filter(([, id]) => id === leader).map(([partitionIndex]) => ({ partitionIndex, timestamp: -2 }));
      const isLed = ({ topics }: Decoded<(typeof ListOffsets)['response']['fields']>) =>
        topics[0]!.partitions.every(({ errorCode }) => errorCode === 0);
      const request = { replicaId: -1, topics: [{ name, partitions: led }] };
      await this.until(ListOffsets, AROUND.listOffsets, request, isLed, brokers && leader > 0 ? `broker ${leader}` : 'setup');
    }
    if (topicId) this.normaliser.learn(topicId, `id of ${name.replace(this.prefix(), '~')}`);
    return topicId;
  }

  /** The name of a group whose coordinator is ready. */
  async group(own: string): Promise<string> {
    const group = await this.coordinated(own, KEY_TYPES.group);
    const request = { groups: [{ groupId: group, topics: [] }] };
    await this.until(OffsetFetch, AROUND.offsetFetch, request, ({ groups }) => groups[0]?.errorCode === 0);
    return group;
  }

  /** A transactional id whose coordinator is ready. */
  transactionalId = (own: string): Promise<string> => this.coordinated(own, KEY_TYPES.transaction);

  private async coordinated(own: string, keyType: number): Promise<string> {
    let name = this.name(own);
    for (let n = 1; !(await this.isCoordinated(name, keyType)) && n < MAX_COORDINATED_NAMES; n++) {
      name = this.name(`${own}-${n}`);
      this.normaliser.rename(name, this.prefix() + own);
    }
    return name;
  }

  /** Whether a group's or transactional id's coordinator is the broker of this scenario; where that has no cluster around it, it is. */
  private async isCoordinated(name: string, keyType: number): Promise<boolean> {
    const request = { keyType, coordinatorKeys: [name] };
    const found = await this.until(
      FindCoordinator,
      AROUND.findCoordinator,
      request,
      ({ coordinators }) => coordinators[0]?.errorCode === 0,
    );
    return !this.venue.pinned || found?.coordinators[0]?.nodeId === SCENARIO_NODE;
  }

  /** Gives an id that brokers make up a speaking placeholder, also in arrays, whose order it then decides. Of a member id its uuid counts. */
  learn(id: string, as: string): void {
    this.normaliser.learn(UUID.exec(id)?.[0] ?? id, as);
  }

  /** Closes a connection, as a client does that is gone: what waits on it gets no answer. */
  async hangUp(on: string): Promise<void> {
    await this.connections.get(on)?.close();
  }

  /** A producer id. Apache Kafka answers COORDINATOR_LOAD_IN_PROGRESS until it has its first block of them. */
  async producerId(): Promise<number> {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const answer = await this.until(InitProducerId, AROUND.initProducerId, request, ({ errorCode }) => errorCode === 0);
    return answer?.producerId ?? -1;
  }

  pause(ms: number): Promise<void> {
    return pause(this.venue, ms);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.venue.signal?.removeEventListener('abort', this.abort);
    for (const raw of this.rawConnections) raw.close();
    await Promise.all([...this.opened].map((connection) => connection.close()));
  }

  private async attempt<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Q>,
    on: string,
  ): Promise<Attempted<R>> {
    const connection = await this.connection(on);
    const nodeId = this.venue.self?.nodeId ?? SCENARIO_NODE;
    try {
      const response = await connection.request(api, version, swapNodeIds(body, SCENARIO_NODE, nodeId), RESPONSE_WITHIN_MS);
      return swapNodeIds(response, nodeId, SCENARIO_NODE);
    } catch (error) {
      const outcome = outcomeOf(error);
      this.venue.signal?.throwIfAborted();
      return outcome;
    }
  }

  /** The request as it goes over the wire: with the fields that were left out, in their defaults. */
  private asked<Q extends Fields, R extends Fields>(api: Api<Q, R>, version: number, body: Encodable<Q>): Asked {
    const writer = new Writer();
    const codec = compile(api.request, version);
    codec.encode(writer, body);
    const decoded = codec.decode(new Reader(Buffer.concat(writer.chunks())));
    return { api: api.name, version, body: this.normaliser.show(decoded) };
  }

  /**
   * The connection of that name; a new one when there is none or the broker closed it. `broker 2`: to that broker of the cluster;
   * `as x`: with x for a client id.
   */
  private async connection(name: string): Promise<Connection> {
    this.venue.signal?.throwIfAborted();
    if (this.isClosed) throw new Error(`${this.scenario} is over`);
    const open = this.connections.get(name);
    if (open && !open.closedReason()) return open;
    const { transport, clock, address, brokers } = this.venue;
    const [, id] = /^broker (\d+)$/.exec(name) ?? [];
    const to = id === undefined ? address : brokers![Number(id) - 1]!;
    const [, clientId = CLIENT_ID] = /^as (.+)$/.exec(name) ?? [];
    const fresh = await Connection.open(transport, clock, to, { clientId });
    this.connections.set(name, fresh);
    this.opened.add(fresh);
    if (this.isClosed) await fresh.close();
    return fresh;
  }

  /** A step that has the name of one before it gets a number, so that none is lost. */
  private record(name: string, outcome: Entry['outcome'], response: Json, request: Asked): void {
    const nth = (this.steps.get(name) ?? 0) + 1;
    this.steps.set(name, nth);
    const step = nth === 1 ? name : `${name} (${nth})`;
    this.venue.record({ scenario: this.scenario, version: this.version, step, outcome, response, request });
  }
}

type Attempted<R extends Fields> = Decoded<R> | Exclude<Entry['outcome'], 'response'>;
