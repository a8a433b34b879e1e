import { expect, test } from 'vitest';
import { heartbeat } from '../../src/handlers/heartbeat.ts';
import { groupsFixture, stableGroup } from '../coordinator/group/group-fixture.ts';
import { sender, versionsOf } from './group-handlers.ts';

test.each(versionsOf(heartbeat))('v%i answers a member 0, and others with what is wrong', async (version) => {
  const fixture = await groupsFixture();
  const client = fixture.client();
  await stableGroup(fixture, [client]);
  const send = sender(heartbeat, { groups: fixture.groups });
  const request = { groupId: 'g', generationId: 1, memberId: client.memberId };
  const codes = [];
  for (const changes of [{}, { generationId: 2 }, { memberId: 'ghost' }, { groupId: 'other' }, { groupId: '' }])
    codes.push((await send(version, { ...request, ...changes })).errorCode);
  expect(codes).toEqual([0, 22, 25, 25, 24]);
  await fixture.client().join();
  expect((await send(version, request)).errorCode).toBe(27);
});

test('a heartbeat waits for its group to be loaded, and is well when that takes long', async () => {
  const { clock, groups, log } = await groupsFixture({}, false);
  const send = sender(heartbeat, { groups });
  const request = { groupId: 'g', generationId: 1, memberId: 'ghost' };
  let load = () => {};
  log.replayGate = new Promise((resolve) => {
    load = resolve;
  });
  const late = send(4, request);
  await clock.advance(1000);
  expect(await late).toMatchObject({ errorCode: 0 });
  const inTime = send(4, request);
  load();
  expect(await inTime).toMatchObject({ errorCode: 25 });
});
