import type { Api, RequestOf } from '../protocol/schema.ts';
import type { HandlerSpec } from './handler.ts';
import type { Needs } from './services.ts';
import type { Ask } from './unheard-topics.ts';

/** The handler, called once this broker has heard of the topics that a request names, or knows that there is nothing to be heard of. */
export function heardOf<A extends Api, N>(
  spec: HandlerSpec<A, N>,
  topicsOf: (request: RequestOf<A>, ask: Ask) => void,
): HandlerSpec<A, N & Needs<'unheardTopics'>> {
  return {
    ...spec,
    make: (needs) => {
      const inner = spec.make(needs);
      return {
        handle(request, context) {
          const waiting = needs.unheardTopics.look((ask) => topicsOf(request, ask));
          return waiting ? waiting.then(() => inner.handle(request, context)) : inner.handle(request, context);
        },
        refuse: inner.refuse,
      };
    },
  };
}
