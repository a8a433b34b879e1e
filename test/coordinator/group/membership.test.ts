import { expect, test } from 'vitest';
import { fetchedOffset, groupsFixture, SESSION_MS, stableGroup } from './group-fixture.ts';

test('heartbeats keep a member, and without them it is out after its session timeout', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a, b]);
  for (const client of [a, b]) client.heartbeat();
  for (let i = 0; i < 3; i++) {
    await fixture.clock.advance(SESSION_MS - 1);
    expect([a.heartbeat(), b.heartbeat()]).toEqual(['NONE', 'NONE']);
  }
  await fixture.clock.advance(SESSION_MS - 1);
  a.heartbeat();
  await fixture.clock.advance(1);
  expect(b.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  const alone = a.send();
  await fixture.clock.settle();
  expect(alone.reply).toMatchObject({ generationId: 2, leader: a.memberId });
});

test('heartbeats during a rebalance keep the session, too', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  await fixture.client().join();
  for (let i = 0; i < 3; i++) {
    await fixture.clock.advance(SESSION_MS - 1);
    expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  }
});

test('a heartbeat before the assignment is known is a heartbeat', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await a.join();
  await fixture.clock.advance(0);
  expect(a.heartbeat()).toBe('NONE');
});

test('a heartbeat of a stranger, of another generation, or to no group is refused', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  expect(a.heartbeat({ memberId: 'stranger' })).toBe('UNKNOWN_MEMBER_ID');
  expect(a.heartbeat({ groupInstanceId: 'nobody' })).toBe('UNKNOWN_MEMBER_ID');
  expect(a.heartbeat({ generationId: 0 })).toBe('ILLEGAL_GENERATION');
  expect(a.heartbeat({ generationId: 2 })).toBe('ILLEGAL_GENERATION');
  expect(fixture.client({ groupId: 'other' }).heartbeat()).toBe('UNKNOWN_MEMBER_ID');
  expect(fixture.client({ groupId: '' }).heartbeat()).toBe('INVALID_GROUP_ID');
});

test('a member that leaves is replaced at once', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a, b]);
  expect(await b.leave()).toBe('NONE');
  expect(b.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  const alone = a.send();
  await fixture.clock.settle();
  expect(alone.reply).toMatchObject({ generationId: 2 });
});

test('when the leader leaves, a member that joins again leads', async () => {
  const fixture = await groupsFixture();
  const [a, b, c] = [fixture.client(), fixture.client(), fixture.client()];
  await stableGroup(fixture, [a, b, c]);
  await a.leave();
  const joins = [c.send(), b.send()];
  await fixture.clock.settle();
  expect(joins[0]!.reply!.leader).toBe(joins[1]!.reply!.leader);
  expect([b.memberId, c.memberId]).toContain(joins[0]!.reply!.leader);
});

test('when the last member leaves the group is empty, and the next one begins a later generation', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  await a.leave();
  await fixture.clock.settle();
  expect(fixture.groupTimers()).toBe(0);
  const waiting = await b.join();
  await fixture.clock.advance(0);
  expect(waiting.reply).toMatchObject({ error: 'NONE', generationId: 3 }); // 2 was the empty generation
});

test('several members leave in one request, each with its own result', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client({ groupInstanceId: 'i', requireKnownMemberId: true })];
  await stableGroup(fixture, [a, b]);
  const results = await fixture.groups.leave('g', [
    { memberId: a.memberId, groupInstanceId: null },
    { memberId: 'stranger', groupInstanceId: null },
    { memberId: '', groupInstanceId: null },
    { memberId: 'not-b', groupInstanceId: 'i' },
    { memberId: '', groupInstanceId: 'i' },
    { memberId: '', groupInstanceId: 'i' },
  ]);
  expect(results.map(({ error }) => error)).toEqual([
    'NONE',
    'UNKNOWN_MEMBER_ID',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'NONE',
    'UNKNOWN_MEMBER_ID',
  ]);
});

test('an id that was given out can leave without having joined', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  a.send();
  await fixture.clock.settle();
  expect(await a.leave()).toBe('NONE');
  expect(fixture.groupTimers()).toBe(0);
});

test('a member that leaves on another connection while it waits ends its waiting', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const joining = await b.join();
  await fixture.clock.settle();
  await b.leave();
  await fixture.clock.settle();
  expect(joining.reply).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' });
});

test('leaving a group that does not exist is told for each member', async () => {
  const fixture = await groupsFixture();
  expect(await fixture.groups.leave('g', [{ memberId: 'x', groupInstanceId: 'i' }])).toEqual([
    { memberId: 'x', groupInstanceId: 'i', error: 'UNKNOWN_MEMBER_ID' },
  ]);
});

test('while the group is loaded a heartbeat is answered as if all were well', async () => {
  const fixture = await groupsFixture({}, false);
  const a = fixture.client({ memberId: 'a' });
  expect(a.heartbeat()).toBe('NONE');
  await fixture.clock.settle();
  expect(a.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('while the group is loaded other requests wait a second, in their order, and are then to come again', async () => {
  const fixture = await groupsFixture({}, false);
  let load = () => {};
  fixture.log.replayGate = new Promise((resolve) => {
    load = resolve;
  });
  const a = fixture.client();
  const outside = { memberId: '', generationId: -1 };
  const late = [a.commit(1, outside), a.send(), a.sync()];
  await fixture.clock.advance(999);
  expect(late.map(({ reply }) => reply)).toEqual([undefined, undefined, undefined]);
  await fixture.clock.advance(1);
  expect(late.map(({ reply }) => reply)).toEqual(Array(3).fill('COORDINATOR_LOAD_IN_PROGRESS'));
  const commits = [a.commit(2, outside), a.commit(3, outside)];
  load();
  await fixture.clock.settle();
  expect(commits.map(({ reply }) => reply)).toEqual(['NONE', 'NONE']);
  expect(await fetchedOffset(fixture)).toBe(3);
});

test('a member that leaves before the assignment is known leaves no timer behind', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await a.join();
  await fixture.clock.advance(0);
  await a.leave();
  expect(fixture.groupTimers()).toBe(0);
});
