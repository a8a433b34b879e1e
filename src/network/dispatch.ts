import type { Clock } from '../core/clock.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { type Answer, HANG_UP, NO_REPLY, type RequestContext } from '../handlers/handler.ts';
import type { Registry, ServedApi } from '../handlers/registry.ts';
import { compile } from '../protocol/codec.ts';
import { readApiKey, readRestOfHeader, responseHeaderIsFlexible, writeResponseHeader } from '../protocol/frame.ts';
import { ApiVersions } from '../protocol/messages/api-versions.ts';
import type { Api } from '../protocol/schema.ts';
import { DecodeError, Reader, Writer } from '../protocol/wire.ts';
import type { ClientQuotas } from '../security/client-quotas.ts';
import { MeteredRequest } from './metered-request.ts';

/** What becomes of a request: a frame to send, nothing to send, or the end of the connection. */
export type Outcome = readonly Uint8Array[] | typeof NO_REPLY | typeof HANG_UP;

/** What a connection lends to each of its requests. */
export type ConnectionContext = Omit<RequestContext, 'version' | 'clientId' | 'onSent'>;

export interface DispatchServices {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly quotas: ClientQuotas;
}

/**
 * Starts one request: its synchronous part is done when this returns. `done` is called once, now or later.
 * What Kafka does with an unknown key or version, and with bytes that it cannot decode, is to hang up without a word; only ApiVersions is
 * answered at any version, in the form of v0, so that a client can find out what to ask (KIP-511).
 * @param done with what becomes of it, and for how long its client has used up its quotas
 * @throws DecodeError for what is to be hung up on; `done` is then never called
 */
export function dispatch(
  { registry, logger, clock, quotas }: DispatchServices,
  frame: Uint8Array,
  connection: ConnectionContext,
  onSent: (release: () => void) => void,
  done: (outcome: Outcome, throttleMs: number) => void,
): void {
  const sinceMs = quotas.isEnforced ? clock.monotonicMs() : 0;
  const reader = new Reader(frame);
  const { apiKey, apiVersion } = readApiKey(reader);
  const served = registry.get(apiKey);
  if (!served) throw new DecodeError(`api key ${apiKey} is not served`);
  if (apiVersion < served.versions[0] || apiVersion > served.versions[1]) {
    if (apiKey !== ApiVersions.key) throw new DecodeError(`${served.api.name} v${apiVersion} is not served`);
    const { correlationId } = readRestOfHeader(reader, apiVersion >= served.api.flexibleFrom);
    done(refuseApiVersions(served, correlationId), 0);
    return;
  }
  const { correlationId, clientId } = readRestOfHeader(reader, apiVersion >= served.api.flexibleFrom);
  const request = compile(served.api.request, apiVersion).decode(reader);
  const context: RequestContext = { ...connection, version: apiVersion, clientId, onSent };
  const metered = quotas.isEnforced
    ? new MeteredRequest(quotas, clock, sinceMs, { api: served.api, request, clientId, frameBytes: frame.byteLength })
    : null;

  const finish = (outcome: Outcome) => done(outcome, metered?.throttleMs ?? 0);
  const encoded = (answer: Answer<Api>) => {
    const outcome = encode(served.api, apiVersion, correlationId, metered ? metered.charge(answer) : answer);
    metered?.encoded();
    return outcome;
  };
  const refused = (error: unknown): Outcome => {
    if (!(error instanceof KafkaError))
      logger.error({ err: error, api: served.api.name, version: apiVersion }, 'a request failed unexpectedly');
    try {
      const kafkaError = error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR');
      return encoded(served.handling.refuse(request, kafkaError, context));
    } catch (failure) {
      // A defect of ours; the client must not wait for ever.
      logger.error({ err: failure, api: served.api.name }, 'a response could not be encoded; closing the connection');
      return HANG_UP;
    }
  };
  const outcomeOf = (answer: Answer<Api>): Outcome => {
    try {
      return encoded(answer);
    } catch (error) {
      return refused(error);
    }
  };
  let answer: Answer<Api> | Promise<Answer<Api>>;
  try {
    answer = served.handling.handle(request, context);
  } catch (error) {
    metered?.handled();
    finish(refused(error));
    return;
  }
  metered?.handled();
  if (answer instanceof Promise) {
    answer.then(
      (answered) => finish(outcomeOf(answered)),
      (error) => finish(refused(error)),
    );
  } else finish(outcomeOf(answer));
}

function encode(api: Api, version: number, correlationId: number, answer: Answer<Api>): Outcome {
  if (answer === NO_REPLY || answer === HANG_UP) return answer;
  return frameOf(responseHeaderIsFlexible(api, version), correlationId, (writer) => compile(api.response, version).encode(writer, answer));
}

function frameOf(flexible: boolean, correlationId: number, body: (writer: Writer) => void): readonly Uint8Array[] {
  const writer = new Writer();
  writer.int32(0);
  writeResponseHeader(writer, correlationId, flexible);
  body(writer);
  const length = writer.size() - 4;
  const chunks = writer.chunks();
  (chunks[0] as Buffer).writeInt32BE(length, 0);
  return chunks;
}

/** The v0 form of a refusal names ApiVersions alone: from its range the client chooses the version to retry with. */
function refuseApiVersions(served: ServedApi, correlationId: number): Outcome {
  const [minVersion, maxVersion] = served.versions;
  const answer = { errorCode: ERROR_CODES.UNSUPPORTED_VERSION.code, apiKeys: [{ apiKey: ApiVersions.key, minVersion, maxVersion }] };
  return frameOf(false, correlationId, (writer) => compile(ApiVersions.response, 0).encode(writer, answer));
}
