import type { BufferPool } from '../core/bytes.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport, Wire } from '../core/transport.ts';
import { compile } from '../protocol/codec.ts';
import { FrameReader, readResponseHeader, responseHeaderIsFlexible, writeRequestHeader } from '../protocol/frame.ts';
import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';
import { DecodeError, Reader, Writer } from '../protocol/wire.ts';

export interface ConnectionOptions {
  /** What the broker sees as client id; default `minikafka`. */
  readonly clientId?: string;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long a request may wait for its response before the connection is given up; default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Requests that may wait for a response at once; one more is refused. Default 100. */
  readonly maxInFlight?: number;
  /** The largest response taken; default 100 MiB. */
  readonly maxFrameBytes?: number;
  /** Where memory for large responses is taken from; those of `requestLent` go back there. Default: memory of their own. */
  readonly pool?: BufferPool;
}

/** A response whose byte fields are views of lent memory: `release` gives it back, and nobody may look at them afterwards. */
export interface Lent<Res> {
  readonly response: Res;
  readonly release: () => void;
}

/** What a request header says of a message, for requests that no declaration describes. */
export interface RawHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Header v2, with a tag section. */
  readonly flexible: boolean;
}

const DEFAULTS = {
  clientId: 'minikafka',
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  maxInFlight: 100,
  maxFrameBytes: 100 * 1024 * 1024,
};

const LENGTH_BYTES = 4;
const JOIN_UP_TO_BYTES = 16 * 1024;
const release = (): void => {};
/** Correlation ids are int32 and start again at 0. */
const LAST_CORRELATION_ID = 2 ** 31 - 1;

interface Frame {
  readonly bytes: Buffer;
  readonly release: () => void;
}

interface Waiting {
  readonly settle: (frame: Frame) => void;
  readonly fail: (error: Error) => void;
  readonly timer: Timer;
}

/**
 * One connection to a broker, as a client has it: requests are pipelined and told apart by correlation id. Once it is closed, by either
 * side, it stays closed; every request that waits then, or comes later, fails with NETWORK_EXCEPTION. Who needs another one opens it.
 */
export class Connection {
  readonly address: Address;
  /** Resolves with the reason when the connection is closed, by whichever side. Never rejects. */
  readonly closed: Promise<KafkaError>;
  private readonly wire: Wire;
  private readonly clock: Clock;
  private readonly options: typeof DEFAULTS;
  private readonly waiting = new Map<number, Waiting>();
  private nextCorrelationId = 0;
  private closedBy: KafkaError | null = null;
  private resolveClosed!: (reason: KafkaError) => void;

  /** @throws KafkaError NETWORK_EXCEPTION when nobody answers there */
  static async open(transport: Transport, clock: Clock, address: Address, options: ConnectionOptions = {}): Promise<Connection> {
    const all = { ...DEFAULTS, ...options };
    try {
      return new Connection(await transport.connect(address, all.connectTimeoutMs), clock, address, all, options.pool);
    } catch (error) {
      throw new KafkaError('NETWORK_EXCEPTION', `no connection to ${address.host}:${address.port}: ${textOf(error)}`);
    }
  }

  private constructor(wire: Wire, clock: Clock, address: Address, options: typeof DEFAULTS, pool?: BufferPool) {
    this.wire = wire;
    this.clock = clock;
    this.address = address;
    this.options = options;
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
    const frames = new FrameReader(
      options.maxFrameBytes,
      (length) => pool?.take(length) ?? { bytes: Buffer.allocUnsafeSlow(length), release },
    );
    wire.start({
      data: (chunk) => {
        try {
          frames.push(chunk, (bytes, release) => this.receive(bytes, release));
        } catch (error) {
          this.shut(`it sent what is no response: ${textOf(error)}`);
        }
      },
      drained: () => {},
      closed: (error) => this.shut(error ? textOf(error) : 'the broker closed it'),
    });
  }

  /**
   * Sends a request and gives its response, decoded. Byte fields of the response are views of memory that belongs to it alone.
   * @throws KafkaError NETWORK_EXCEPTION (closed, or too much in flight), REQUEST_TIMED_OUT; DecodeError when the response is not of this version
   */
  async request<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: Encodable<Req>,
    timeoutMs = this.options.requestTimeoutMs,
  ): Promise<Decoded<Res>> {
    return (await this.requestLent(api, version, body, timeoutMs)).response;
  }

  /** As `request`, with the memory of the response lent. @throws as `request` */
  async requestLent<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: Encodable<Req>,
    timeoutMs = this.options.requestTimeoutMs,
  ): Promise<Lent<Decoded<Res>>> {
    const header = { apiKey: api.key, apiVersion: version, flexible: version >= api.flexibleFrom };
    const { bytes, release } = await this.transceive(header, (writer) => compile(api.request, version).encode(writer, body), timeoutMs);
    const reader = new Reader(bytes);
    readResponseHeader(reader, responseHeaderIsFlexible(api, version));
    const response = compile(api.response, version).decode(reader);
    if (reader.left() > 0) throw new DecodeError(`${reader.left()} bytes left behind ${api.name}Response v${version}`);
    return { response, release };
  }

  /** Sends a request that gets no response: Produce with acks=0. Does nothing once the connection is closed. */
  send<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, version: number, body: Encodable<Req>): void {
    const header = { apiKey: api.key, apiVersion: version, flexible: version >= api.flexibleFrom };
    this.write(header, this.takeCorrelationId(), (writer) => compile(api.request, version).encode(writer, body));
  }

  /** Sends any body under any header and gives the whole frame of the response, which begins with the correlation id. */
  async exchange(header: RawHeader, writeBody: (writer: Writer) => void, timeoutMs = this.options.requestTimeoutMs): Promise<Buffer> {
    return (await this.transceive(header, writeBody, timeoutMs)).bytes;
  }

  private transceive(header: RawHeader, writeBody: (writer: Writer) => void, timeoutMs: number): Promise<Frame> {
    return new Promise((settle, fail) => {
      if (this.closedBy) throw this.closedBy;
      if (this.waiting.size >= this.options.maxInFlight) {
        throw new KafkaError('NETWORK_EXCEPTION', `${this.waiting.size} requests wait for ${this.where()} already`);
      }
      const correlationId = this.takeCorrelationId();
      this.write(header, correlationId, writeBody);
      // Responses come in order, so nothing behind a lost one would ever be answered: the connection goes with it.
      const timer = this.clock.after(timeoutMs, () => {
        this.waiting.delete(correlationId);
        fail(new KafkaError('REQUEST_TIMED_OUT', `no response from ${this.where()} in ${timeoutMs} ms`));
        this.shut(`no response in ${timeoutMs} ms`);
      });
      this.waiting.set(correlationId, { settle, fail, timer });
    });
  }

  /** Sends bytes as they are, not even a length before them: for tests of what a broker does with them. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.closedBy) this.wire.write([bytes]);
  }

  /** Why the connection is closed; null while it is open. */
  closedReason(): KafkaError | null {
    return this.closedBy;
  }

  close(): Promise<KafkaError> {
    this.shut('closed here');
    return this.closed;
  }

  private write(header: RawHeader, correlationId: number, writeBody: (writer: Writer) => void): void {
    if (this.closedBy) return;
    const writer = new Writer();
    writer.int32(0); // the length, when it is known
    writeRequestHeader(writer, { ...header, correlationId, clientId: this.options.clientId }, header.flexible);
    writeBody(writer);
    const bytes = writer.size();
    let chunks = writer.chunks();
    // One write of one chunk: several cost more than copying so little.
    if (chunks.length > 1 && bytes <= JOIN_UP_TO_BYTES) chunks = [Buffer.concat(chunks, bytes)];
    const { buffer, byteOffset } = chunks[0]!;
    new DataView(buffer, byteOffset).setInt32(0, bytes - LENGTH_BYTES);
    this.wire.write(chunks);
  }

  private receive(bytes: Buffer, release: () => void): void {
    if (bytes.byteLength < LENGTH_BYTES) throw new DecodeError('a frame without a correlation id');
    const correlationId = bytes.readInt32BE(0);
    const waiting = this.waiting.get(correlationId);
    if (!waiting) throw new DecodeError(`a response to request ${correlationId}, which does not wait for one`);
    this.waiting.delete(correlationId);
    waiting.timer.cancel();
    waiting.settle({ bytes, release });
  }

  private takeCorrelationId(): number {
    const taken = this.nextCorrelationId;
    this.nextCorrelationId = taken === LAST_CORRELATION_ID ? 0 : taken + 1;
    return taken;
  }

  private shut(reason: string): void {
    if (this.closedBy) return;
    this.closedBy = new KafkaError('NETWORK_EXCEPTION', `the connection to ${this.where()} is closed: ${reason}`);
    this.wire.destroy();
    for (const { fail, timer } of this.waiting.values()) {
      timer.cancel();
      fail(this.closedBy);
    }
    this.waiting.clear();
    this.resolveClosed(this.closedBy);
  }

  private where(): string {
    return `${this.address.host}:${this.address.port}`;
  }
}

/** Where a name has several addresses, Node's error about all of them has a code, but no message. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
