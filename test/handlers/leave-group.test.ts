import { expect, test } from 'vitest';
import { leaveGroup } from '../../src/handlers/leave-group.ts';
import { groupsFixture, stableGroup } from '../coordinator/group/group-fixture.ts';
import { sender, versionsOf } from './group-handlers.ts';

async function stable() {
  const fixture = await groupsFixture();
  const client = fixture.client({ groupInstanceId: 'i' });
  await stableGroup(fixture, [client]);
  return { client, send: sender(leaveGroup, { groups: fixture.groups }) };
}

test.each([0, 1, 2])('v%i takes one member out', async (version) => {
  const { client, send } = await stable();
  expect(await send(version, { groupId: 'g', memberId: 'ghost' })).toMatchObject({ errorCode: 25 });
  expect(await send(version, { groupId: 'g', memberId: client.memberId })).toMatchObject({ errorCode: 0 });
  expect(client.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
  expect(await send(version, { groupId: 'none', memberId: 'ghost' })).toMatchObject({ errorCode: 25 });
  expect(await send(version, { groupId: '', memberId: 'ghost' })).toMatchObject({ errorCode: 24 });
});

test.each(versionsOf(leaveGroup).filter((version) => version >= 3))('v%i takes several out, each with its own result', async (version) => {
  const { send } = await stable();
  const members = [{ memberId: 'ghost' }, { memberId: '', groupInstanceId: 'i' }];
  expect(await send(version, { groupId: 'g', members })).toMatchObject({
    errorCode: 0,
    members: [
      { memberId: 'ghost', groupInstanceId: null, errorCode: 25 },
      { memberId: '', groupInstanceId: 'i', errorCode: 0 },
    ],
  });
  expect(await send(version, { groupId: 'g', members: [] })).toMatchObject({ errorCode: 0, members: [] });
  expect(await send(version, { groupId: 'none', members })).toMatchObject({
    errorCode: 0,
    members: [{ errorCode: 25 }, { errorCode: 25 }],
  });
  expect(await send(version, { groupId: '', members })).toMatchObject({ errorCode: 24, members: [] });
});
