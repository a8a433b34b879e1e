import type { Registry } from '../handlers/registry.ts';
import { FrameLengthError } from '../protocol/frame.ts';
import { DecodeError } from '../protocol/wire.ts';

/** Why a client is turned away. */
export interface TurnedAway {
  /** Of bounded length; the same for what comes again and again. */
  readonly reason: string;
  /** What the client does, as the rest of a sentence that begins with its address. */
  readonly what: string;
}

const HEADER_BYTES = 10;
const SASL_HANDSHAKE = 17;
const MAX_CLIENT_ID = 60;
const HTTP = /^(GET |HEAD|POST|PUT |DELE|OPTI|PATC|CONN|TRAC|PRI )/;

/** What stands where a frame's length should: the first bytes of other protocols are lengths that no request has. */
function explainLength({ length }: FrameLengthError, isFirst: boolean, maxBytes: number): TurnedAway {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  if (isFirst) {
    // A TLS record: type handshake, major version 3.
    if (bytes[0] === 0x16 && bytes[1] === 0x03) {
      return { reason: 'TLS', what: 'speaks TLS; this listener is plaintext (set security.protocol=PLAINTEXT in the client)' };
    }
    const text = bytes.toString('latin1');
    if (HTTP.test(text)) return { reason: 'HTTP', what: "speaks HTTP; this is a port for Kafka's protocol" };
    if (/^[\x20-\x7e\r\n]{4}$/.test(text)) {
      return { reason: 'text', what: `does not speak Kafka's protocol: it begins with ${JSON.stringify(text)}` };
    }
  }
  if (length < 0) return { reason: 'length', what: `does not speak Kafka's protocol: it sent ${length} as the length of a request` };
  return { reason: 'length', what: `sent a request of ${length} bytes; socket.request.max.bytes is ${maxBytes}` };
}

/** Why a frame was not dispatched. */
export function explainFrame(error: unknown, frame: Buffer, registry: Registry): TurnedAway {
  if (frame.byteLength < 4) return { reason: 'short', what: `sent a request of ${frame.byteLength} bytes, too short to have a header` };
  const key = frame.readInt16BE(0);
  const version = frame.readInt16BE(2);
  const who = clientIdOf(frame);
  const reason = `${key} v${version}`;
  const served = registry.get(key);
  if (!served && key === SASL_HANDSHAKE) {
    return {
      reason,
      what: `${who}wants to log in with SASL; this listener has no authentication (set security.protocol=PLAINTEXT in the client)`,
    };
  }
  if (!served) return { reason, what: `${who}asks for API key ${key}, which this broker does not have` };
  const [min, max] = served.versions;
  const { name } = served.api;
  if (version < min || version > max) {
    return {
      reason,
      what: `${who}asks for ${name} v${version}; this broker has v${min} to v${max}: the client is too ${version < min ? 'old' : 'new'}`,
    };
  }
  const why = error instanceof DecodeError ? error.message : 'it was not expected';
  return { reason, what: `${who}sent a ${name} v${version} request that cannot be read: ${why}` };
}

/** `(client id x) `, without what a log should not show; empty when there is none. */
function clientIdOf(frame: Buffer): string {
  const length = frame.byteLength >= HEADER_BYTES ? frame.readInt16BE(8) : 0;
  if (length <= 0 || HEADER_BYTES + length > frame.byteLength) return '';
  const id = frame.toString('utf8', HEADER_BYTES, HEADER_BYTES + Math.min(length, MAX_CLIENT_ID)).replace(/[^\x20-\x7e]/g, '?');
  return `(client id ${id}) `;
}

/** What is not of the protocol at all, or of a frame that could not be cut. */
export function explainUnreadable(error: Error, isFirst: boolean, maxBytes: number): TurnedAway {
  if (error instanceof FrameLengthError) return explainLength(error, isFirst, maxBytes);
  return { reason: 'unreadable', what: `sent what cannot be read: ${error.message}` };
}
