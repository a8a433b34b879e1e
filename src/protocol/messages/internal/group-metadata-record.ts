import { array, bytes, int32, int64, message, string } from '../../schema.ts';

/** Key 2: a classic group. */
export const GroupMetadataKey = message({
  name: 'GroupMetadataKey',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { group: string },
});

/** v1 rebalance timeout · v2 time of the last transition · v3 static members (KIP-345) */
export const GroupMetadataValue = message({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.since(2).default(-1),
    members: array({
      memberId: string,
      groupInstanceId: string.since(3).nullable(3).default(null),
      clientId: string,
      clientHost: string,
      rebalanceTimeout: int32.since(1).default(-1),
      sessionTimeout: int32,
      subscription: bytes,
      assignment: bytes,
    }),
  },
});
