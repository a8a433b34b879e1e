import type { Transport, Wire } from '../../src/core/transport.ts';
import { compile } from '../../src/protocol/codec.ts';
import { FrameReader, readResponseHeader, responseHeaderIsFlexible, writeResponseHeader } from '../../src/protocol/frame.ts';
import type { Api } from '../../src/protocol/schema.ts';
import { Reader, Writer } from '../../src/protocol/wire.ts';

/** A response as a fault finds it: decoded, to be changed in place. */
// biome-ignore lint/suspicious/noExplicitAny: faults reach into responses of every API
export type Response = any;

/** What is broken on purpose, in one version of one API. */
export interface Fault {
  readonly api: Api;
  readonly version: number;
  /** Changes a decoded response. */
  readonly change?: (response: Response) => void;
  /** Changes the frame of a response, which begins with the correlation id; null: the connection is closed in its place. */
  readonly frame?: (frame: Buffer) => Buffer | null;
}

interface Sent {
  readonly apiKey: number;
  readonly version: number;
}

/** A network behind which a broker has a fault: what it answers is changed on its way. */
export function faultyTransport(inner: Transport, fault: Fault | null): Transport {
  return {
    listen: (address, accept) => inner.listen(address, accept),
    connect: async (address, timeoutMs) => wrap(await inner.connect(address, timeoutMs), fault),
  };
}

function wrap(wire: Wire, fault: Fault | null): Wire {
  const sent = new Map<number, Sent>();
  const requests = framesOf((frame) => {
    if (frame.byteLength >= 8) sent.set(frame.readInt32BE(4), { apiKey: frame.readInt16BE(0), version: frame.readInt16BE(2) });
  });
  return {
    local: wire.local,
    remote: wire.remote,
    unsentBytes: () => wire.unsentBytes(),
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    close: () => wire.close(),
    destroy: () => wire.destroy(),
    write(chunks, done) {
      for (const chunk of chunks) requests(chunk);
      wire.write(chunks, done);
    },
    start(events) {
      const responses = framesOf((frame) => {
        const request = sent.get(frame.readInt32BE(0));
        const hit = fault && request?.apiKey === fault.api.key && request.version === fault.version;
        const changed = hit ? broken(frame, fault) : frame;
        if (changed === null) {
          wire.destroy();
          return;
        }
        const length = Buffer.alloc(4);
        length.writeInt32BE(changed.byteLength);
        events.data(Buffer.concat([length, changed]));
      });
      wire.start({ ...events, data: responses, drained: () => events.drained(), closed: (error) => events.closed(error) });
    },
  };
}

/** Cuts a stream into frames; what is none (raw bytes of a scenario) is nobody's. */
function framesOf(each: (frame: Buffer) => void): (chunk: Uint8Array) => void {
  const reader = new FrameReader(2 ** 27, (length) => ({ bytes: Buffer.alloc(length), release: () => {} }));
  let isStream = true;
  return (chunk) => {
    try {
      if (isStream) reader.push(chunk, each);
    } catch {
      isStream = false;
    }
  };
}

function broken(frame: Buffer, { api, version, change, frame: changeFrame }: Fault): Buffer | null {
  if (changeFrame) return changeFrame(frame);
  const reader = new Reader(frame);
  const flexible = responseHeaderIsFlexible(api, version);
  const correlationId = readResponseHeader(reader, flexible);
  const response = compile(api.response, version).decode(reader);
  change?.(response);
  return encoded(api, version, correlationId, response);
}

export function encoded(api: Api, version: number, correlationId: number, response: Response): Buffer {
  const writer = new Writer();
  writeResponseHeader(writer, correlationId, responseHeaderIsFlexible(api, version));
  compile(api.response, version).encode(writer, response);
  return Buffer.concat(writer.chunks());
}
