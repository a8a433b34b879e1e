import { api, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * EndTxn (26; KIP-98). v1 throttling follows the answer (KIP-219) · v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE · v5 the epoch
 * grows with each end, and is answered (transactions v2, KIP-890)
 */
export const EndTxn = api({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: { transactionalId: string, producerId: int64.saturating(), producerEpoch: int16, committed: bool },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerId: int64.since(5).default(-1),
    producerEpoch: int16.since(5).default(-1),
  },
});
