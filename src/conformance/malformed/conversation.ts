import { encodeBody } from '../../protocol/codec.ts';
import type { Api, Encodable, Fields } from '../../protocol/schema.ts';
import type { Stage } from '../stage.ts';
import { framed, header } from './reactions.ts';
import { varint } from './wrong.ts';

/** Where an answer or a close is due, but the broker may be slow. */
export const DUE_WITHIN_MS = 30_000;
/** Where none is due: long enough for a broker that would give one. */
const NOTHING_FOR_MS = 300;

/** A good request with a correlation id of its own, and its length in front. */
export function requestOf<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  correlationId: number,
  body: Encodable<Req>,
): Buffer {
  const tags = version >= api.flexibleFrom ? varint(0) : Buffer.alloc(0);
  return framed(
    Buffer.concat([header({ apiKey: api.key, apiVersion: version, correlationId }), tags, encodeBody(api.request, version, body)]),
  );
}

/**
 * Sends writes on a connection of their own and tells the correlation ids of the answers in their order, and what comes then: `1, 2, closed`,
 * `1, silent`.
 * @param answers how many are due; with one more than are due it waits for the close
 */
export async function replies(stage: Stage, writes: readonly Uint8Array[], answers: number, pauseMs = 0): Promise<string> {
  const connection = await stage.rawConnection();
  for (const [i, write] of writes.entries()) {
    if (i > 0 && pauseMs > 0) await stage.pause(pauseMs);
    connection.send(write);
  }
  await connection.settled(answers, answers > 0 ? DUE_WITHIN_MS : NOTHING_FOR_MS);
  const ids = connection.frames.map((frame) => String(frame.readInt32BE(0)));
  const end = connection.closed ? ['closed'] : connection.frames.length < Math.max(answers, 1) ? ['silent'] : [];
  connection.close();
  return [...ids, ...end].join(', ');
}

/** An answer that never comes, so that one waits for the close. */
export const UNTIL_CLOSED = Number.MAX_SAFE_INTEGER;
