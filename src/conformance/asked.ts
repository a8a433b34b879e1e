import type { RawHeader } from '../client/connection.ts';
import { KafkaError } from '../core/errors.ts';
import { APIS } from '../protocol/messages/index.ts';
import type { Asked, Entry } from './transcript.ts';

const NAMES = new Map(APIS.map(({ key, name }) => [key, name]));

export const askedBytes = ({ apiKey, apiVersion }: RawHeader, body: Uint8Array): Asked => ({
  api: NAMES.get(apiKey) ?? `api key ${apiKey}`,
  version: apiVersion,
  body: Buffer.from(body).toString('hex'),
});

/** @throws what is no answer of the broker's: a response that does not decode is a defect, of one side or the other */
export function outcomeOf(error: unknown): Exclude<Entry['outcome'], 'response'> {
  if (!(error instanceof KafkaError)) throw error;
  return error.errorName === 'REQUEST_TIMED_OUT' ? 'no response' : 'connection closed';
}
