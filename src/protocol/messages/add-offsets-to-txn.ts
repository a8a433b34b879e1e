import { api, int16, int32, int64, string } from '../schema.ts';

/**
 * AddOffsetsToTxn (25; KIP-98). v1 throttling follows the answer (KIP-219) · v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE
 * (KIP-890)
 */
export const AddOffsetsToTxn = api({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: { transactionalId: string, producerId: int64.saturating(), producerEpoch: int16, groupId: string },
  response: { throttleTimeMs: int32.default(0), errorCode: int16 },
});
