import { expect, test } from 'vitest';
import { syncGroup } from '../../src/handlers/sync-group.ts';
import { groupsFixture } from '../coordinator/group/group-fixture.ts';
import { sender, versionsOf } from './group-handlers.ts';

async function joined() {
  const fixture = await groupsFixture();
  const client = fixture.client();
  await client.join();
  await fixture.clock.advance(0);
  const request = {
    groupId: 'g',
    generationId: 1,
    memberId: client.memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId: client.memberId, assignment: Buffer.from('share') }],
  };
  return { send: sender(syncGroup, { groups: fixture.groups }), request };
}

test.each(versionsOf(syncGroup))('v%i hands out the leader’s assignment', async (version) => {
  const { request, send } = await joined();
  expect(await send(version, request)).toMatchObject({
    errorCode: 0,
    protocolType: version >= 5 ? 'consumer' : null,
    protocolName: version >= 5 ? 'range' : null,
    assignment: Buffer.from('share'),
  });
});

test.each(versionsOf(syncGroup))('v%i refuses strangers and other generations without an assignment', async (version) => {
  const { request, send } = await joined();
  const failed = { protocolType: null, protocolName: null, assignment: Buffer.alloc(0) };
  expect(await send(version, { ...request, memberId: 'ghost' })).toMatchObject({ ...failed, errorCode: 25 });
  expect(await send(version, { ...request, generationId: 9 })).toMatchObject({ ...failed, errorCode: 22 });
  expect(await send(version, { ...request, groupId: '' })).toMatchObject({ ...failed, errorCode: 24 });
});

test('KIP-559: v5 must name the protocol, and name it right', async () => {
  const { request, send } = await joined();
  expect(await send(5, { ...request, protocolType: null })).toMatchObject({ errorCode: 23 });
  expect(await send(5, { ...request, protocolName: null })).toMatchObject({ errorCode: 23 });
  expect(await send(5, { ...request, protocolType: 'connect' })).toMatchObject({ errorCode: 23 });
  expect(await send(5, { ...request, groupId: '', protocolName: null })).toMatchObject({ errorCode: 23 }); // before the group is looked at
});
