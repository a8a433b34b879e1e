import { ERROR_CODES } from '../../core/error-codes.ts';
import { compile } from '../../protocol/codec.ts';
import { readResponseHeader, responseHeaderIsFlexible } from '../../protocol/frame.ts';
import type { Api } from '../../protocol/schema.ts';
import { Reader } from '../../protocol/wire.ts';
import type { RawConnection } from '../raw-connection.ts';
import type { Stage } from '../stage.ts';

/** Before a broker that neither answers nor closes counts as silent. Kafka pauses for garbage collection, and is laden by other scenarios. */
const SILENT_AFTER_MS = 30_000;
/** A coordinator's first use loads it, in Kafka. */
const LOADED_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 20;
const LOADING: ReadonlySet<string> = new Set(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']);

/** Correlation ids: of what is wrong, and of the ApiVersions behind it. */
export const WRONG_ID = 7;
const PROBE_ID = 0x0feed;

const ERROR_NAMES = new Map(Object.entries(ERROR_CODES).map(([name, { code }]): [number, string] => [code, name]));

/**
 * What a broker does with one frame: `answer NONE`, `closed`, `no answer`. The frame goes out together with an ApiVersions behind it, whose answer
 * says that the connection is still good; where it was closed, the next frame takes a new one.
 */
export class Reactions {
  private readonly stage: Stage;
  private connection: RawConnection | null = null;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  /** @param show what is told of an answer, given without its length */
  async to(request: Uint8Array, show: (answer: Buffer) => string): Promise<string> {
    const deadline = this.stage.clock.monotonicMs() + LOADED_WITHIN_MS;
    for (;;) {
      const reaction = await this.once(request, show);
      const isLoading = reaction.split(/[ ,+]+/).some((word) => LOADING.has(word));
      if (!isLoading || this.stage.clock.monotonicMs() >= deadline) return reaction;
      await this.stage.pause(ASK_AGAIN_MS);
    }
  }

  close(): void {
    this.connection?.close();
    this.connection = null;
  }

  private async once(request: Uint8Array, show: (answer: Buffer) => string): Promise<string> {
    this.connection ??= await this.stage.rawConnection();
    const { connection } = this;
    connection.frames.length = 0;
    connection.send(framed(request), framed(probe(PROBE_ID)));
    await connection.settled(1, SILENT_AFTER_MS);
    if (connection.frames.length === 1 && !isProbed(connection.frames[0]!)) await connection.settled(2, SILENT_AFTER_MS);
    const answers = connection.frames.filter((frame) => !isProbed(frame)).map((frame) => `answer ${show(frame)}`.trimEnd());
    const isGood = connection.frames.some(isProbed);
    if (!isGood) this.close();
    const end = connection.closed ? 'closed' : 'silent';
    if (!isGood) return [...answers, end].join(', ');
    return answers.length > 0 ? answers.join(', ') : 'no answer';
  }
}

const isProbed = (frame: Buffer): boolean => frame.readInt32BE(0) === PROBE_ID;

/** ApiVersions v0, under header v1 without a client id. */
export const probe = (correlationId: number): Buffer => header({ apiKey: 18, apiVersion: 0, correlationId, clientId: null });

export function header(of: { apiKey: number; apiVersion: number; correlationId?: number; clientId?: Uint8Array | string | null }): Buffer {
  const { clientId = 'malformed', correlationId = WRONG_ID } = of;
  const fixed = Buffer.alloc(10);
  fixed.writeInt16BE(of.apiKey, 0);
  fixed.writeInt16BE(of.apiVersion, 2);
  fixed.writeInt32BE(correlationId, 4);
  const client = clientId === null ? Buffer.alloc(0) : Buffer.from(clientId);
  fixed.writeInt16BE(clientId === null ? -1 : client.byteLength, 8);
  return Buffer.concat([fixed, client]);
}

/** With its length in front; another one where that is to be wrong. */
export function framed(frame: Uint8Array, length = frame.byteLength): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(length, 0);
  return Buffer.concat([prefix, frame]);
}

/** The errors of an answer, each once and in order of their codes: `NONE+UNKNOWN_TOPIC_OR_PARTITION`; empty where it has no such fields. */
export function errorsOf(api: Api, version: number): (answer: Buffer) => string {
  return (answer) => {
    try {
      const reader = new Reader(answer);
      if (readResponseHeader(reader, responseHeaderIsFlexible(api, version)) !== WRONG_ID) return 'to another request';
      const codes = codesIn(compile(api.response, version).decode(reader));
      if (reader.left() > 0) return `with ${reader.left()} bytes behind it`;
      return [...codes]
        .sort((a, b) => a - b)
        .map((code) => ERROR_NAMES.get(code) ?? String(code))
        .join('+');
    } catch (error) {
      return `that does not decode: ${String(error)}`;
    }
  };
}

function codesIn(value: unknown, found = new Set<number>()): Set<number> {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return found;
  for (const [name, inner] of Object.entries(value)) {
    if (name === 'errorCode' || name === 'partitionErrorCode') found.add(Number(inner));
    else codesIn(inner, found);
  }
  return found;
}
