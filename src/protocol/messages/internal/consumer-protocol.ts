import { array, bytes, int32, message, string } from '../../schema.ts';

/**
 * The consumers' own protocol inside JoinGroup and SyncGroup. A broker passes it on unread, with one exception: a member that the leader
 * gave nothing gets an assignment that it can decode. v0: int16 version, array of topics, nullable user data.
 */
export const EMPTY_ASSIGNMENT = Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);

/** The protocol type of consumers, whose assignments have this form. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';

/** What the leader of a consumer group assigned to a member. */
export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: {
    assignedPartitions: array({ topic: string, partitions: array(int32) }),
    userData: bytes.nullable().default(null),
  },
});

/** What a consumer brings along when it joins. v1 partitions it owns (KIP-429) · v2 generation they are from (KIP-792) · v3 rack (KIP-881) */
export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: {
    topics: array(string),
    userData: bytes.nullable().default(null),
    ownedPartitions: array({ topic: string, partitions: array(int32) }).since(1),
    generationId: int32.since(2).default(-1),
    rackId: string.since(3).nullable(3).default(null),
  },
});
