import { compile } from '../protocol/codec.ts';
import { Fetch } from '../protocol/messages/fetch.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { Writer } from '../protocol/wire.ts';
import { anonymous, type ClientQuotas } from '../security/client-quotas.ts';
import type { RequestContext } from './handler.ts';

/** What the consumer of one Fetch may still be given. */
export interface FetchQuota {
  readonly maxBytes: number;
  /** Above 0: this must not be answered now, and the client wait for so many ms; else it counts. */
  throttleMs(response: ResponseTo<typeof Fetch>): number;
}

/** What Kafka counts beside the body. */
const FRAME_BYTES = 4;

/** null: no quota is set. */
export function fetchQuota(quotas: ClientQuotas, { clientId, version }: RequestContext): FetchQuota | null {
  if (!quotas.isEnforced) return null;
  const client = anonymous(clientId);
  const bytesOf = (response: ResponseTo<typeof Fetch>): number => {
    const writer = new Writer();
    compile(Fetch.response, version).encode(writer, response); // record bytes are spliced in, not copied
    return FRAME_BYTES + writer.size();
  };
  return {
    maxBytes: quotas.mostToFetch(client),
    throttleMs: (response) => quotas.noteFetched(client, () => bytesOf(response)),
  };
}
