/**
 * Which operations a client may do (KIP-430): bit n is operation code n of the ACLs. There are no ACLs, so all of them.
 */
export const TOPIC_OPERATIONS = 0xdf8;
export const GROUP_OPERATIONS = 0xd48;
export const CLUSTER_OPERATIONS = 0x1fa0;
/** The value that says "not asked for". */
export const NO_OPERATIONS = -(2 ** 31);
