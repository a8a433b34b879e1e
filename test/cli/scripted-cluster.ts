import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { decode, encode, type Struct } from '../support/interpreter.ts';
import { framed } from '../support/raw-client.ts';
import { kafkaMessages } from '../support/schema-files.ts';

const MESSAGES = kafkaMessages('api');

/** What the brokers of a cluster answer to one API, at the one version that they have of it. */
export interface ScriptedApi {
  readonly key: number;
  readonly version: number;
  answer(brokerId: number, request: Struct): Struct;
}

export interface ScriptedCluster {
  /** Of each broker, by id - 1. */
  readonly addresses: readonly string[];
  /** Connections that are open now, by id - 1, and the most that ever were in all. */
  readonly open: readonly number[];
  mostOpen(): number;
  close(): Promise<void>;
}

/** Brokers that answer by Kafka's own definitions: Metadata with all of them, and what is given. They take whole requests in whole chunks. */
export async function scriptedCluster(count: number, apis: Readonly<Record<string, ScriptedApi>>): Promise<ScriptedCluster> {
  const ports: number[] = [];
  const open = new Array<number>(count).fill(0);
  let most = 0;
  const brokers = () => ports.map((port, i) => ({ nodeId: i + 1, host: '127.0.0.1', port, rack: null }));
  const all: Readonly<Record<string, ScriptedApi>> = {
    Metadata: { key: 3, version: 8, answer: () => ({ brokers: brokers(), clusterId: null, controllerId: 1, topics: [] }) },
    ...apis,
  };
  const reply = (id: number, frame: Buffer): Buffer => {
    const correlationId = frame.subarray(4, 8);
    const [name, api] = Object.entries(all).find(([, { key }]) => key === frame.readInt16BE(0)) ?? [];
    if (!name || !api) {
      const apiKeys = Object.values(all).map(({ key, version }) => ({ apiKey: key, minVersion: version, maxVersion: version }));
      return Buffer.concat([correlationId, encode(MESSAGES.get('ApiVersionsResponse')!, 0, { errorCode: 0, apiKeys })]);
    }
    const request = MESSAGES.get(`${name}Request`)!;
    const tags = api.version >= request.flexibleFrom ? Buffer.of(0) : Buffer.alloc(0);
    const body = decode(request, api.version, frame.subarray(10 + frame.readInt16BE(8) + tags.length));
    return Buffer.concat([correlationId, tags, encode(MESSAGES.get(`${name}Response`)!, api.version, api.answer(id, body))]);
  };
  const servers = await Promise.all(
    open.map((_, i) =>
      tcpTransport.listen({ host: '127.0.0.1', port: 0 }, (wire) => {
        open[i]!++;
        most = Math.max(
          most,
          open.reduce((sum, each) => sum + each),
        );
        wire.start({
          data: (chunk) => wire.write(framesOf(Buffer.from(chunk)).map((frame) => framed(reply(i + 1, frame)))),
          drained: () => {},
          closed: () => {
            open[i]!--;
          },
        });
      }),
    ),
  );
  ports.push(...servers.map(({ address }) => address.port));
  return {
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    open,
    mostOpen: () => most,
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}

function framesOf(chunk: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = at + 4 + chunk.readInt32BE(at);
    frames.push(chunk.subarray(at + 4, end));
    at = end;
  }
  return frames;
}
