import { api, array, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * DescribeLogDirs (35; KIP-113). v1 throttling follows the answer (KIP-219) · v2 flexible · v3 top-level error · v4 bytes of the volume (KIP-827)
 * · v5 cordoned (KIP-1066)
 */
export const DescribeLogDirs = api({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    topics: array({
      topic: string,
      partitions: array(int32),
    }).nullable(),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.since(3),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64.saturating(),
          offsetLag: int64.saturating(),
          isFutureKey: bool,
        }),
      }),
      totalBytes: int64.saturating().since(4).default(-1),
      usableBytes: int64.saturating().since(4).default(-1),
      isCordoned: bool.since(5).default(false),
    }),
  },
});
