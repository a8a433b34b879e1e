/**
 * The consumers' own protocol inside JoinGroup and SyncGroup. A broker passes it on unread, with one exception: a member that the leader
 * gave nothing gets an assignment that it can decode. v0: int16 version, array of topics, nullable user data.
 */
export const EMPTY_ASSIGNMENT = Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);

/** The protocol type of consumers, whose assignments have this form. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';
