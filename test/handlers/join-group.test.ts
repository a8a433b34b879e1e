import { expect, test } from 'vitest';
import { joinGroup } from '../../src/handlers/join-group.ts';
import { groupsFixture } from '../coordinator/group/group-fixture.ts';
import { sender, versionsOf } from './group-handlers.ts';

const REQUEST = {
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('m') }],
};

test.each(versionsOf(joinGroup))('v%i joins: with the second call from v4 on, with the first before', async (version) => {
  const { clock, groups } = await groupsFixture();
  const send = sender(joinGroup, { groups });
  let joining = send(version, REQUEST);
  if (version >= 4) {
    expect(await joining).toMatchObject({ errorCode: 79, memberId: 'app-uuid1', generationId: -1, leader: '', members: [] });
    joining = send(version, { ...REQUEST, memberId: 'app-uuid1' });
  }
  await clock.advance(0);
  expect(await joining).toMatchObject({
    errorCode: 0,
    generationId: 1,
    protocolType: version >= 7 ? 'consumer' : null,
    protocolName: 'range',
    leader: 'app-uuid1',
    memberId: 'app-uuid1',
    members: [{ memberId: 'app-uuid1', groupInstanceId: null, metadata: Buffer.from('m') }],
  });
});

// As Apache Kafka 4.4.0 answers.
test.each(versionsOf(joinGroup))('v%i names a protocol without a name as null from v7 on', async (version) => {
  const { clock, groups } = await groupsFixture();
  const send = sender(joinGroup, { groups });
  const request = { ...REQUEST, protocols: [{ name: '', metadata: Buffer.from('m') }] };
  const memberId = version >= 4 ? (await send(version, request)).memberId : '';
  const joining = send(version, { ...request, memberId });
  await clock.advance(0);
  expect(await joining).toMatchObject({ errorCode: 0, protocolName: version >= 7 ? null : '' });
});

// As Apache Kafka 4.4.0 answers.
test.each(versionsOf(joinGroup))('v%i of a failed join names the member, and null as the protocol from v7 on', async (version) => {
  const { groups } = await groupsFixture();
  const send = sender(joinGroup, { groups });
  const failed = { generationId: -1, protocolType: null, protocolName: version >= 7 ? null : '', leader: '', members: [] };
  expect(await send(version, { ...REQUEST, memberId: 'ghost' })).toMatchObject({ ...failed, errorCode: 25, memberId: 'ghost' });
  expect(await send(version, { ...REQUEST, memberId: 'ghost', sessionTimeoutMs: 1 })).toMatchObject({
    ...failed,
    errorCode: 26,
    memberId: 'ghost',
  });
  expect(await send(version, { ...REQUEST, groupId: '' })).toMatchObject({ ...failed, errorCode: 24, memberId: '' });
});

test('a join of a group that cannot be loaded in time is to come again', async () => {
  const { clock, groups, log } = await groupsFixture({}, false);
  log.replayGate = new Promise(() => {});
  const reply = sender(joinGroup, { groups })(9, REQUEST);
  await clock.advance(1000);
  expect(await reply).toMatchObject({ errorCode: 14, memberId: '', protocolName: null });
});

test('v0 has no rebalance timeout: the session timeout stands for it', async () => {
  const { clock, groups } = await groupsFixture();
  const send = sender(joinGroup, { groups });
  const first = send(0, { ...REQUEST, sessionTimeoutMs: 20_000 });
  await clock.advance(0);
  const { memberId } = await first;
  const second = send(0, { ...REQUEST, sessionTimeoutMs: 6000 }); // the first member does not join again
  let isAnswered = false;
  void second.then(() => (isAnswered = true));
  await clock.advance(19_999);
  expect(isAnswered).toBe(false);
  await clock.advance(1);
  expect((await second).members.map((member) => member.memberId)).not.toContain(memberId);
});

test('the bytes of a request do not stay: what the leader is told outlives them', async () => {
  const { clock, groups } = await groupsFixture();
  const metadata = Buffer.from('subscription');
  const joining = groups.join(
    {
      ...REQUEST,
      protocols: [{ name: 'range', metadata }],
      groupInstanceId: 'i',
      clientId: 'app',
      clientHost: '/h',
      requireKnownMemberId: true,
      supportsSkippingAssignment: true,
    },
    new AbortController().signal,
  );
  metadata.fill(0);
  await clock.advance(0);
  expect((await joining).members[0]!.metadata.toString()).toBe('subscription');
});
