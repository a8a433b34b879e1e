import { DescribeGroups, Heartbeat, JoinGroup, OffsetCommit, SyncGroup } from '../../protocol/messages/index.ts';
import type { Stage } from '../stage.ts';

/** Versions that both Apache Kafkas speak, for what scenarios of groups need around their own API. */
export const JOIN = 5;
export const SYNC = 3;
export const HEARTBEAT = 3;
export const LEAVE = 4;
export const DESCRIBE = 5;
export const COMMIT = 8;

/** A subscription and an assignment, as opaque to the broker as any client's. */
export const SUBSCRIPTION = Buffer.from('000000000001000161ffffffff', 'hex');
export const ASSIGNMENT = Buffer.from('00000000000100016100000001000000000000000000', 'hex');

/** Versions around the API in question that both Kafkas speak: JoinGroup 5 knows static members. */

const MEMBER_ID_REQUIRED = 79;

export interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** A member whose requests go out on a connection of its own, since some of them wait. */
export interface Placed extends Member {
  readonly groupInstanceId: string | null;
  readonly on: string;
  /** What its JoinGroup said of it, to say it again. */
  readonly said: object;
}

export const memberOf = (groupId: string, joined: { memberId: string; generationId: number } | null): Member => ({
  groupId,
  memberId: joined?.memberId ?? '',
  generationId: joined?.generationId ?? -1,
});

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

/** In every version that takes several; those that take one find their fields, too. */
export const leaveRequest = ({ groupId, memberId }: Member) => ({ groupId, memberId, members: [{ memberId }] });

export const protocolsOf = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.from(`of ${name}`) }));

/** A subscription to one topic: ConsumerProtocolSubscription v0. */
export const subscriptionTo = (topic: string) =>
  Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 1, 0, topic.length), Buffer.from(topic), Buffer.of(255, 255, 255, 255)]);

/** Joins as somebody new, not recorded: twice, where the first answer is an id. Waits until the group's rebalance is over. */
async function join<Q, R>(stage: Stage<Q, R>, groupId: string, more: object, on: string) {
  let joined = await stage.ask(JoinGroup, JOIN, joinRequest(groupId, more), on);
  if (joined.errorCode === MEMBER_ID_REQUIRED)
    joined = await stage.ask(JoinGroup, JOIN, joinRequest(groupId, { ...more, memberId: joined.memberId }), on);
  if (joined.errorCode !== 0) throw new Error(`no member of ${groupId}: error ${joined.errorCode}`);
  return joined;
}

async function sync<Q, R>(stage: Stage<Q, R>, member: Member, more: object, on: string): Promise<void> {
  const synced = await stage.ask(SyncGroup, SYNC, syncRequest(member, more), on);
  if (synced.errorCode !== 0) throw new Error(`${member.groupId} is not stable: error ${synced.errorCode}`);
}

/**
 * Makes a group with one member, not recorded. `until` says how far: `joined` (not synced yet) or `stable`. A first member may have to wait
 * (group.initial.rebalance.delay.ms): several groups are better made at once.
 */
export async function soleMember<Q, R>(
  stage: Stage<Q, R>,
  own: string,
  until: 'joined' | 'stable' = 'stable',
  groupInstanceId: string | null = null,
  more: object = {},
): Promise<Member> {
  const on = `setup of ${own}`;
  const groupId = await stage.group(own);
  const member = memberOf(groupId, await join(stage, groupId, { ...more, groupInstanceId }, on));
  if (until === 'stable') await sync(stage, member, { groupInstanceId }, on);
  else await isIn(stage, groupId, 'CompletingRebalance');
  return member;
}

/**
 * Makes a group with several members, not recorded; the first is its leader. Each has a connection and a placeholder in transcripts under its
 * name. `until`: `joined`, so that all have generation 2 and none has synced, or `stable`, with the name as assignment.
 * @param said what each says of itself beyond `joinRequest`, by its name
 */
export async function company<Q, R>(
  stage: Stage<Q, R>,
  own: string,
  said: Readonly<Record<string, { groupInstanceId?: string; [field: string]: unknown }>>,
  until: 'joined' | 'stable' = 'stable',
): Promise<[Placed, Placed, ...Placed[]]> {
  const names = Object.keys(said);
  const [first, ...others] = names as [string, ...string[]];
  const onOf = (name: string) => `${own} ${name}`;
  const groupId = await stage.group(own);
  const leader = memberOf(groupId, await join(stage, groupId, said[first]!, onOf(first)));
  const groupInstanceId = said[first]!.groupInstanceId ?? null;
  await sync(stage, leader, { groupInstanceId }, onOf(first));
  const joining: ReturnType<typeof join>[] = [];
  for (const name of others) {
    const joined = join(stage, groupId, said[name]!, onOf(name));
    joined.catch(() => {}); // told when it is awaited
    joining.push(joined);
    await hasMembers(stage, groupId, joining.length + 1);
  }
  joining.unshift(stage.ask(JoinGroup, JOIN, joinRequest(groupId, { ...said[first]!, memberId: leader.memberId }), onOf(first)));
  const members = (await Promise.all(joining)).map((joined, i) => {
    const name = names[i]!;
    stage.learn(joined.memberId, name);
    return { ...memberOf(groupId, joined), groupInstanceId: said[name]!.groupInstanceId ?? null, on: onOf(name), said: said[name]! };
  });
  if (until === 'joined') return members as [Placed, Placed, ...Placed[]];
  const assignments = members.map(({ memberId }, i) => ({ memberId, assignment: Buffer.from(names[i]!) }));
  for (const member of members) {
    const given = member === members[0] ? assignments : [];
    await sync(stage, member, { groupInstanceId: member.groupInstanceId, assignments: given }, member.on);
  }
  return members as [Placed, Placed, ...Placed[]];
}

/** Waits until a group has so many members, those included that wait for the others. */
export async function hasMembers<Q, R>(stage: Stage<Q, R>, groupId: string, count: number): Promise<void> {
  const request = { groups: [groupId], includeAuthorizedOperations: false };
  await stage.until(DescribeGroups, DESCRIBE, request, ({ groups }) => groups[0]?.members.length === count);
}

/** Waits until a group is in a state. Apache Kafka shows a new group some milliseconds after it has answered its first member. */
export async function isIn<Q, R>(stage: Stage<Q, R>, groupId: string, state: string): Promise<void> {
  const request = { groups: [groupId], includeAuthorizedOperations: false };
  await stage.until(DescribeGroups, DESCRIBE, request, ({ groups }) => groups[0]?.groupState === state);
}

/** Waits until a member's heartbeat says that the group rebalances. */
export async function rebalancing<Q, R>(stage: Stage<Q, R>, { groupId, memberId, generationId }: Member): Promise<void> {
  await stage.until(Heartbeat, 3, { groupId, memberId, generationId }, ({ errorCode }) => errorCode === 27);
}

/** Sends a join of somebody new that waits, and comes back when the group rebalances for it. `finish` when somebody has answered it. */
export async function joinsAndWaits<Q, R>(stage: Stage<Q, R>, { groupId }: Member, on = 'joining'): Promise<Member> {
  const given = await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
  stage.ask(JoinGroup, JOIN, joinRequest(groupId, { memberId: given.memberId }), on).catch(() => {});
  await isIn(stage, groupId, 'PreparingRebalance');
  return { groupId, memberId: given.memberId, generationId: -1 };
}

/** Begins the join of somebody new at the version in question, which waits, and names its member id. */
export async function begins<Q, R>(stage: Stage<Q, R>, name: string, groupId: string, more: object, on: string) {
  let memberId = '';
  if (stage.version >= 4) {
    memberId = (await stage.ask(JoinGroup, stage.version, joinRequest(groupId, more))).memberId;
    stage.learn(memberId, on);
  }
  return stage.begin(JoinGroup, stage.version, name, joinRequest(groupId, { ...more, memberId }), on);
}

/** Commits offset 5 for partitions of a topic, as somebody outside the group. Not recorded. */
export async function committed<Q, R>(stage: Stage<Q, R>, own: string, topic: string, partitions: readonly number[]): Promise<string> {
  const groupId = await stage.group(own);
  const topics = [
    { name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, committedOffset: 5, committedMetadata: '' })) },
  ];
  const answer = await stage.ask(OffsetCommit, COMMIT, { groupId, memberId: '', topics });
  const failed = answer.topics.flatMap((each) => each.partitions).find(({ errorCode }) => errorCode !== 0);
  if (failed) throw new Error(`no commit of ${groupId}: error ${failed.errorCode}`);
  return groupId;
}
