import { BufferPool } from '../../src/core/bytes.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type HandlerSpec, handler, type RequestContext } from '../../src/handlers/handler.ts';
import { makeRegistry } from '../../src/handlers/registry.ts';
import { ClientWarnings } from '../../src/network/client-warnings.ts';
import { Connection, type ConnectionOptions } from '../../src/network/connection.ts';
import { ApiVersions, Fetch, Heartbeat, Metadata, Produce } from '../../src/protocol/messages/index.ts';
import type { Api } from '../../src/protocol/schema.ts';
import { ClientQuotas } from '../../src/security/client-quotas.ts';
import type { Struct } from '../support/interpreter.ts';
import { type Logged, listLogger } from '../support/memory-broker.ts';
import { framed, requestFrame } from '../support/raw-client.ts';
import { StubWire } from './stub-wire.ts';

/** A body that the API can encode (or, for a test's sake, cannot), NO_REPLY or HANG_UP. */
export type Reply = Struct | symbol;

/** A request that a stub handler got, and the test's way to answer it. */
export interface Asked {
  readonly api: string;
  readonly request: Struct;
  readonly context: RequestContext;
  /** Resolves the handler's promise. */
  answer(reply: Reply): void;
  fail(error: unknown): void;
}

export interface ConnectionFixture {
  readonly wire: StubWire;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly pool: BufferPool;
  /** Nothing is enforced until the test sets something. */
  readonly quotas: ClientQuotas;
  readonly connection: Connection;
  /** In the order in which the handlers were called. */
  readonly asked: Asked[];
  readonly logged: Logged[];
  /** How often the connection told that it closed. */
  closedTimes(): number;
  /** Sends a request and returns its correlation id. */
  send(api: string, version: number, body?: Struct): number;
  receive(bytes: Uint8Array): void;
}

/** Kafka's defaults. */
export const QUOTA_WINDOW = { samples: 11, sampleMs: 1000 };
/** A body that each stub API can encode. */
export const HEARTBEAT_OK = { errorCode: 0 };
export const HEARTBEAT = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null };

/**
 * A connection over a stub wire. Heartbeat, Metadata, Fetch and Produce wait until the test answers them, unless `sync` gives the answer at
 * once (or throws); ApiVersions answers with nothing served.
 */
export function connectionOf(
  options: Partial<ConnectionOptions> & {
    wire?: StubWire;
    sync?: (api: string, request: Struct) => Reply;
    refuse?: () => Reply;
  } = {},
): ConnectionFixture {
  const { wire = new StubWire(), sync, refuse, ...rest } = options;
  const clock = fakeClock();
  const pool = new BufferPool(2 ** 26);
  const quotas = new ClientQuotas({ clock: rest.clock ?? clock, window: QUOTA_WINDOW, controllerWindow: QUOTA_WINDOW });
  const asked: Asked[] = [];
  const logged: Logged[] = [];
  let closed = 0;
  let nextId = 100;
  const stub = (api: Api, versions: readonly [number, number]): HandlerSpec =>
    handler(api, versions, () => ({
      handle(request, context) {
        if (sync) return sync(api.name, request as Struct) as never;
        return new Promise((resolve, reject) => {
          asked.push({ api: api.name, request: request as Struct, context, answer: (reply) => resolve(reply as never), fail: reject });
        });
      },
      refuse: (_request, error) => (refuse?.() ?? { errorCode: error.code, brokers: [], topics: [], responses: [] }) as never,
    }));
  const apiVersions: HandlerSpec = handler(ApiVersions as Api, [0, 4], () => ({
    handle: () => ({ errorCode: 0, apiKeys: [] }) as never,
    refuse: (_request, error) => ({ errorCode: error.code, apiKeys: [] }) as never,
  }));
  const handlers = [stub(Heartbeat, [0, 4]), stub(Metadata, [0, 13]), stub(Fetch, [4, 18]), stub(Produce, [3, 13]), apiVersions];
  const connection = new Connection(wire, {
    registry: makeRegistry(handlers, undefined as never),
    clock,
    logger: listLogger(logged),
    warnings: new ClientWarnings(clock, listLogger(logged)),
    quotas,
    pool,
    listenerName: 'PLAINTEXT',
    maxRequestBytes: 100 * 2 ** 20,
    maxIdleMs: 600_000,
    closed: () => void closed++,
    ...rest,
  });
  const receive = (bytes: Uint8Array) => wire.events.data(bytes);
  return {
    wire,
    clock,
    pool,
    quotas,
    connection,
    asked,
    logged,
    closedTimes: () => closed,
    receive,
    send(api, version, body = {}) {
      const correlationId = nextId++;
      receive(framed(requestFrame(api, version, correlationId, body)));
      return correlationId;
    },
  };
}
