import { KafkaError } from '../../src/core/errors.ts';
import type { HandlerSpec, Handling, RequestContext } from '../../src/handlers/handler.ts';
import type { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { decodeBody, encodeBody } from '../../src/protocol/codec.ts';
import type { Api, RequestOf, RequestTo, ResponseOf, ResponseTo } from '../../src/protocol/schema.ts';

export const ORDERS_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const GONE_ID = 'AAAAAAAAAAAAAAAAAAAAZg';

/** Topic "orders" with two partitions. */
export const metadata = (() => {
  const orders = { name: 'orders', topicId: ORDERS_ID, partitions: [{}, {}] };
  const image = {
    topic: (name: string) => (name === 'orders' ? orders : undefined),
    topicById: (topicId: string) => (topicId === ORDERS_ID ? orders : undefined),
  };
  return { current: image } as unknown as MetadataFeed;
})();

export function context(version: number, signal = new AbortController().signal): RequestContext {
  const arrival = { listenerName: 'PLAINTEXT', host: '127.0.0.1', port: 9092 };
  return { version, clientId: 'app', clientHost: '10.0.0.7', arrival, signal, onSent: () => {}, onNextFetch: () => {} };
}

/** Sends requests to one handler as a connection does: over the wire form of the version, an error going through `refuse`. */
export function sender<Spec extends HandlerSpec<Api, never>>(spec: Spec, needs: Parameters<Spec['make']>[0]) {
  type A = Spec['api'];
  const handling = spec.make(needs) as Handling<Api>;
  return async (version: number, body: RequestTo<A>, signal?: AbortSignal): Promise<ResponseOf<A>> => {
    const request = decodeBody(spec.api.request, version, encodeBody(spec.api.request, version, body as never)) as RequestOf<Api>;
    const where = context(version, signal);
    let answer: unknown;
    try {
      answer = await handling.handle(request, where);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      answer = handling.refuse(request, error, where);
    }
    const bytes = encodeBody(spec.api.response, version, answer as ResponseTo<Api>);
    return decodeBody(spec.api.response, version, bytes) as ResponseOf<A>;
  };
}

export const versionsOf = ({ versions: [first, last] }: { versions: readonly [number, number] }): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);
