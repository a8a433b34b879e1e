import { api, array, int16, int32, int64, string } from '../schema.ts';

/** ListTransactions (66; KIP-664). v1 a filter for how long they last (KIP-994) · v2 a pattern for their ids (KIP-1152) */
export const ListTransactions = api({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64.saturating()),
    durationFilter: int64.saturating().since(1).default(-1),
    transactionalIdPattern: string.since(2).nullable(2).default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
});
