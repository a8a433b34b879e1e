import type { Transport, Wire } from '../../src/core/transport.ts';
import { decode, encode, type Struct } from './interpreter.ts';
import { kafkaMessages } from './schema-files.ts';

const MESSAGES = kafkaMessages('api');
const API_VERSIONS = 18;

/** A message of Apache Kafka, as ApiNameRequest or ApiNameResponse. */
function message(name: string) {
  const found = MESSAGES.get(name);
  if (!found) throw new TypeError(`Kafka has no ${name}`);
  return found;
}

/** A request frame without its length, made from Kafka's own definitions. */
export function requestFrame(api: string, version: number, correlationId: number, body: Struct, clientId: string | null = 'raw'): Buffer {
  const request = message(`${api}Request`);
  const id = clientId === null ? Buffer.alloc(0) : Buffer.from(clientId);
  const header = Buffer.alloc(10);
  header.writeInt16BE(request.apiKey!, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(correlationId, 4);
  header.writeInt16BE(clientId === null ? -1 : id.byteLength, 8);
  const tags = version >= request.flexibleFrom ? Buffer.of(0) : Buffer.alloc(0);
  return Buffer.concat([header, id, tags, encode(request, version, body)]);
}

/** A response frame without its length; fails on bytes behind the message. */
export function readResponse(api: string, version: number, frame: Buffer): { correlationId: number; body: Struct } {
  const response = message(`${api}Response`);
  const flexible = version >= response.flexibleFrom && message(`${api}Request`).apiKey !== API_VERSIONS;
  if (flexible && frame[4] !== 0) throw new Error('tags in a response header');
  return { correlationId: frame.readInt32BE(0), body: decode(response, version, frame.subarray(flexible ? 5 : 4)) };
}

export function framed(frame: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(frame.byteLength, 0);
  return Buffer.concat([length, frame]);
}

interface Expected {
  readonly api: string;
  readonly version: number;
  readonly correlationId: number;
  readonly resolve: (body: Struct) => void;
  readonly reject: (error: Error) => void;
}

/** A client that speaks by Kafka's definitions alone, and insists that replies come in the order of its requests. */
export class RawClient {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  isClosed = false;
  /** Correlation ids of the replies, as they came. */
  readonly answered: number[] = [];
  readonly wire: Wire;
  private received = Buffer.alloc(0);
  private readonly expected: Expected[] = [];
  private nextId = 1;

  constructor(wire: Wire) {
    this.wire = wire;
    this.closed = new Promise((resolve) => {
      wire.start({
        data: (chunk) => this.take(chunk),
        drained: () => {},
        closed: () => {
          this.isClosed = true;
          for (const { reject } of this.expected.splice(0)) reject(new Error('the connection closed before the reply'));
          resolve();
        },
      });
    });
  }

  static async connect(transport: Transport, host: string, port: number): Promise<RawClient> {
    return new RawClient(await transport.connect({ host, port }, 5_000));
  }

  /** Sends one request; resolves with its reply's body. A rejection that nobody looks at is no failure. */
  call(api: string, version: number, body: Struct = {}, clientId: string | null = 'raw'): Promise<Struct> {
    const correlationId = this.nextId++;
    this.wire.write([framed(requestFrame(api, version, correlationId, body, clientId))]);
    return this.expect(api, version, correlationId);
  }

  /** For a reply in another version's form. */
  expect(api: string, version: number, correlationId: number): Promise<Struct> {
    const reply = new Promise<Struct>((resolve, reject) => {
      if (this.isClosed) reject(new Error('the connection is closed'));
      else this.expected.push({ api, version, correlationId, resolve, reject });
    });
    reply.catch(() => {});
    return reply;
  }

  /** Sends a request that has no reply. */
  tell(api: string, version: number, body: Struct = {}): void {
    this.wire.write([framed(requestFrame(api, version, this.nextId++, body))]);
  }

  raw(bytes: Uint8Array): void {
    this.wire.write([bytes]);
  }

  close(): Promise<void> {
    this.wire.destroy();
    return this.closed;
  }

  private take(chunk: Uint8Array): void {
    this.received = Buffer.concat([this.received, chunk]);
    while (this.received.byteLength >= 4 && this.received.byteLength >= 4 + this.received.readInt32BE(0)) {
      const end = 4 + this.received.readInt32BE(0);
      const frame = this.received.subarray(4, end);
      this.received = this.received.subarray(end);
      this.answer(frame);
    }
  }

  private answer(frame: Buffer): void {
    const next = this.expected.shift();
    this.answered.push(frame.readInt32BE(0));
    if (!next) throw new Error('a reply that nobody asked for');
    try {
      const { correlationId, body } = readResponse(next.api, next.version, frame);
      if (correlationId === next.correlationId) next.resolve(body);
      else next.reject(new Error(`reply ${correlationId} where ${next.correlationId} was due`));
    } catch (error) {
      next.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
