import { Heartbeat, JoinGroup, SyncGroup } from '../../protocol/messages/index.ts';
import type { Stage } from '../stage.ts';

/** A subscription and an assignment, as opaque to the broker as any client's. */
export const SUBSCRIPTION = Buffer.from('000000000001000161ffffffff', 'hex');
export const ASSIGNMENT = Buffer.from('00000000000100016100000001000000000000000000', 'hex');

/** Versions around the API in question that both Kafkas speak: JoinGroup 5 knows static members. */
const JOIN = 5;
const SYNC = 3;

export interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

export const joinRequest = (groupId: string, more: object = {}) => ({
  groupId,
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 10_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: SUBSCRIPTION }],
  ...more,
});

export const syncRequest = ({ groupId, memberId, generationId }: Member, more: object = {}) => ({
  groupId,
  memberId,
  generationId,
  assignments: [{ memberId, assignment: ASSIGNMENT }],
  ...more,
});

/** Makes a group with one member, not recorded. `until` says how far: `joined` (not synced yet) or `stable`. */
export async function soleMember<Q, R>(
  stage: Stage<Q, R>,
  own: string,
  until: 'joined' | 'stable' = 'stable',
  groupInstanceId: string | null = null,
): Promise<Member> {
  const groupId = await stage.group(own);
  let joined = await stage.ask(JoinGroup, JOIN, joinRequest(groupId, { groupInstanceId }));
  if (joined.errorCode === 79)
    joined = await stage.ask(JoinGroup, JOIN, joinRequest(groupId, { groupInstanceId, memberId: joined.memberId }));
  if (joined.errorCode !== 0) throw new Error(`no member of ${groupId}: error ${joined.errorCode}`);
  const member = { groupId, memberId: joined.memberId, generationId: joined.generationId };
  if (until === 'stable') {
    const synced = await stage.ask(SyncGroup, SYNC, syncRequest(member, { groupInstanceId }));
    if (synced.errorCode !== 0) throw new Error(`${groupId} is not stable: error ${synced.errorCode}`);
  }
  return member;
}

/** Waits until a member's heartbeat says that the group rebalances. */
export async function rebalancing<Q, R>(stage: Stage<Q, R>, { groupId, memberId, generationId }: Member): Promise<void> {
  await stage.until(Heartbeat, 3, { groupId, memberId, generationId }, ({ errorCode }) => errorCode === 27);
}
