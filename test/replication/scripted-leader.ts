import type { Transport, Wire } from '../../src/core/transport.ts';
import { compile } from '../../src/protocol/codec.ts';
import { FrameReader, readApiKey, readRestOfHeader, writeResponseHeader } from '../../src/protocol/frame.ts';
import { Fetch } from '../../src/protocol/messages/fetch.ts';
import type { RequestOf, ResponseTo } from '../../src/protocol/schema.ts';
import { Reader, Writer } from '../../src/protocol/wire.ts';

export type FetchBody = RequestOf<typeof Fetch>;
export type PartitionAnswer = ResponseTo<typeof Fetch>['responses'][number]['partitions'][number];

/** A Fetch that came, and the test's way to answer it. */
export interface Asked {
  readonly body: FetchBody;
  readonly version: number;
  readonly clientId: string;
  /** Number of the connection it came over. */
  readonly connection: number;
  answer(response: Partial<ResponseTo<typeof Fetch>>): void;
}

export interface ScriptedLeader {
  /** In the order in which they came. */
  readonly asked: Asked[];
  /** Connections that were accepted. */
  connections(): number;
  /** Connections that stand. */
  open(): number;
  /** The newest Fetch. */
  last(): Asked;
  /** Breaks all connections. */
  hangUp(): void;
  write(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** A leader that answers what the test says, when the test says it. `onFetch`: it answers by itself. */
export async function scriptedLeader(
  transport: Transport,
  host: string,
  onFetch: (asked: Asked) => void = () => {},
): Promise<ScriptedLeader> {
  const asked: Asked[] = [];
  const wires = new Set<Wire>();
  let accepted = 0;
  const listening = await transport.listen({ host, port: 9092 }, (wire) => {
    const connection = accepted++;
    wires.add(wire);
    const frames = new FrameReader(2 ** 26, (length) => ({ bytes: Buffer.alloc(length), release: () => {} }));
    wire.start({
      data: (chunk) =>
        frames.push(chunk, (frame) => {
          const request = { ...readFetch(frame, wire), connection };
          asked.push(request);
          onFetch(request);
        }),
      drained: () => {},
      closed: () => void wires.delete(wire),
    });
  });
  return {
    asked,
    connections: () => accepted,
    open: () => wires.size,
    last: () => asked.at(-1)!,
    hangUp: () => {
      for (const wire of wires) wire.destroy();
    },
    write: (bytes) => {
      for (const wire of wires) wire.write([bytes]);
    },
    close: () => listening.close(),
  };
}

function readFetch(frame: Buffer, wire: Wire): Omit<Asked, 'connection'> {
  const reader = new Reader(frame);
  const { apiKey, apiVersion: version } = readApiKey(reader);
  if (apiKey !== Fetch.key) throw new Error(`api key ${apiKey} is no Fetch`);
  const { correlationId, clientId } = readRestOfHeader(reader, version >= Fetch.flexibleFrom);
  const body = compile(Fetch.request, version).decode(reader);
  const answer = (response: Partial<ResponseTo<typeof Fetch>>) => {
    const writer = new Writer();
    writeResponseHeader(writer, correlationId, true);
    compile(Fetch.response, version).encode(writer, { errorCode: 0, sessionId: 0, responses: [], ...response });
    const length = Buffer.alloc(4);
    length.writeInt32BE(writer.size());
    wire.write([length, ...writer.chunks()]);
  };
  return { body, version, clientId, answer };
}
