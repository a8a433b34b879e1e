import { afterAll, beforeAll, expect, test } from 'vitest';
import { CleanUp } from '../../src/conformance/clean-up.ts';
import { type ConformanceOptions, checkConformance } from '../../src/conformance/conformance.ts';
import { KNOWN_DIFFERENCES } from '../../src/conformance/known-differences.ts';
import { askOffered, offers } from '../../src/conformance/offered.ts';
import { type PlayedRun, play } from '../../src/conformance/run.ts';
import { type Scenario, scenario } from '../../src/conformance/scenario.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import { unfoldTranscripts } from '../../src/conformance/stored-transcripts.ts';
import { askTarget } from '../../src/conformance/target.ts';
import { loadTranscripts } from '../../src/conformance/transcript-files.ts';
import type { Venue } from '../../src/conformance/venue.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Heartbeat, JoinGroup, Metadata, Produce } from '../../src/protocol/messages/index.ts';

let broker: RunningBroker;
let venue: Pick<Venue, 'transport' | 'clock' | 'address'>;
beforeAll(async () => {
  broker = await startBroker();
  venue = { transport: tcpTransport, clock: realClock, address: { host: 'localhost', port: broker.port } };
});
afterAll(() => broker.close());

const names = async () => (await new CleanUp(venue).sweep('none-')) && (await topicsOf());
async function topicsOf(): Promise<string[]> {
  const found: string[] = [];
  const look = scenario(Metadata, 'look', async (stage) => {
    for (const { name } of (await stage.ask(Metadata, 9, { topics: null })).topics) found.push(name ?? '');
  });
  await play(venue, [look], (_, version) => version === 9);
  return found.filter((name) => !name.startsWith('__'));
}

const once: (s: Scenario, version: number) => boolean = (_, version) => version === 3;
const joining = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 1000, memberId: '', protocolType: 'consumer' };

test('what runs have made is deleted, groups with members too, whether they ended well or not', async () => {
  const makes = (name: string, ends: () => void) =>
    scenario(Heartbeat, name, async (stage) => {
      await stage.topic('a');
      const groupId = await stage.group('g');
      await stage.ask(JoinGroup, 3, { ...joining, groupId, protocols: [{ name: 'range', metadata: Buffer.of(1) }] });
      ends();
    });
  const fails = () => {
    throw new Error('broken');
  };
  const ended: PlayedRun[] = [];
  const options = { cleansUp: true, ended: (run: PlayedRun) => void ended.push(run) };
  await play({ ...venue, runId: 'mine-' }, [makes('well', () => {}), makes('badly', fails)], once, options);
  expect(ended.map(({ brokeOff }) => brokeOff).sort()).toEqual(['Error: broken', null]);
  expect(await new CleanUp(venue).sweep('mine-')).toEqual({ topics: [], groups: [] });
  expect(await topicsOf()).toEqual([]);
});

test('a sweep deletes what begins with the name of the run, and nothing else', async () => {
  await broker.createTopic('swept-1');
  await broker.createTopic('swept-2');
  await broker.createTopic('other');
  const cleanUp = new CleanUp(venue);
  expect(await cleanUp.sweep('swept-')).toEqual({ topics: [], groups: [] });
  await cleanUp.close();
  expect(await names()).toEqual(['other']);
  await expect(cleanUp.sweep('')).rejects.toThrow('begins with nothing');
  await new CleanUp(venue).remove(['other']);
});

test('where nobody answers a clean-up gives up, and says that it does not know', async () => {
  const gone = new CleanUp({ ...venue, address: { host: '127.0.0.1', port: 1 } });
  await gone.remove(['a']);
  expect(await gone.sweep('a')).toBeNull();
});

test('a run that takes too long is broken off where it is, and the others are not', async () => {
  const endless = scenario(Heartbeat, 'endless', async (stage) => {
    await stage.step('before', { groupId: 'g', generationId: 1, memberId: 'm' });
    for (;;) await stage.pause(10);
  });
  const waiting = scenario(Heartbeat, 'waiting', async (stage) => {
    await stage.until(Metadata, 9, { topics: [] }, () => false);
  });
  const quick = scenario(
    Heartbeat,
    'quick',
    async (stage) => void (await stage.step('one', { groupId: 'g', generationId: 1, memberId: 'm' })),
  );
  const ended: PlayedRun[] = [];
  await play(venue, [endless, waiting, quick], once, { timeoutMs: 1500, ended: (run) => void ended.push(run) });
  const shape = ended.map(({ scenario: { name }, brokeOff }) => [name, brokeOff]);
  expect(new Map(shape as [string, string | null][])).toEqual(
    new Map([
      ['Heartbeat: endless', 'Error: not over after 1500 ms'],
      ['Heartbeat: waiting', 'Error: not over after 1500 ms'],
      ['Heartbeat: quick', null],
    ]),
  );
});

test('no more runs are in flight than were asked for, and those that disturb others are alone, at the end', async () => {
  let inFlight = 0;
  const seen: [string, number][] = [];
  const counting = (name: string, disturbs: boolean) =>
    scenario(
      Heartbeat,
      name,
      async (stage) => {
        seen.push([name, ++inFlight]);
        await stage.pause(5);
        inFlight--;
      },
      [0, 4],
      { disturbs },
    );
  await play(venue, [counting('loud', true), counting('quiet', false)], () => true, { atOnce: 3 });
  expect(Math.max(...seen.map(([, count]) => count))).toBe(3);
  expect(seen.slice(-5)).toEqual(Array.from({ length: 5 }, () => ['loud', 1]));
});

test('what breaks off has a second chance, alone, under other names', async () => {
  const tries: string[] = [];
  const flaky = scenario(Heartbeat, 'flaky', async (stage) => {
    tries.push(stage.name('a'));
    await stage.step('one', { groupId: 'g', generationId: 1, memberId: 'm' });
    if (tries.length === 1) throw new Error('late');
  });
  const broken = scenario(Heartbeat, 'broken', async () => {
    throw new Error('always');
  });
  const ended: PlayedRun[] = [];
  const { entries } = await play(venue, [flaky, broken], once, { triesAgain: true, ended: (run) => void ended.push(run) });
  expect(new Set(tries).size).toBe(2);
  expect(new Set(ended.map(({ brokeOff }) => brokeOff))).toEqual(new Set([null, 'Error: always']));
  expect(ended).toHaveLength(2);
  expect(entries.map(({ step }) => step)).toEqual(['one', 'the scenario broke off']);
});

async function check(more: Partial<ConformanceOptions>) {
  const recorded = unfoldTranscripts(loadTranscripts(['Heartbeat', 'Produce', 'CreateTopics', 'DescribeConfigs']));
  const target = await askTarget(tcpTransport, realClock, venue.address);
  return checkConformance(venue, target, recorded, {
    against: '4.4.0',
    scenarios: SCENARIOS.filter(({ name }) => name === 'Heartbeat: in each state'),
    wanted: () => true,
    known: KNOWN_DIFFERENCES,
    disturb: false,
    atOnce: 4,
    scenarioTimeoutMs: 20_000,
    timeoutMs: 60_000,
    runId: 'bounds-',
    signal: new AbortController().signal,
    ...more,
  });
}

test('an interruption ends it, what was made is deleted, and what was played counts', async () => {
  const interrupt = new AbortController();
  let told = 0;
  const result = await check({
    scenarios: SCENARIOS.filter(({ apiKey }) => apiKey === Produce.key),
    signal: interrupt.signal,
    progress: ({ runs }) => {
      told = runs;
      if (runs === 3) interrupt.abort(new Error('interrupted by SIGINT'));
    },
  });
  expect(result.stopped).toBe('interrupted by SIGINT');
  expect(told).toBe(3);
  expect(result.runs).toHaveLength(3);
  expect(result.found.filter(({ kind }) => kind === 'unexplained')).toEqual([]);
  expect(result.versions.map(({ status }) => status)).toContain('not played');
  expect(result.leftovers).toEqual({ topics: [], groups: [] });
  expect(await topicsOf()).toEqual([]);
});

test('when the time is over it ends, and says so', async () => {
  const { stopped, leftovers } = await check({ timeoutMs: 30, scenarios: SCENARIOS.filter(({ apiKey }) => apiKey === Produce.key) });
  expect(stopped).toBe('the time was over (0.03 s)');
  expect(leftovers).toEqual({ topics: [], groups: [] });
});

test('what disturbs others is left out, with the reason, unless it is asked for', async () => {
  const loud = SCENARIOS.filter(({ name }) => name === 'Heartbeat: in each state').map((each) => ({ ...each, disturbs: true }));
  const quiet = await check({ scenarios: loud });
  expect(quiet.runs).toEqual([]);
  expect(quiet.versions[0]).toMatchObject({
    status: 'left out',
    leftOut: expect.arrayContaining([expect.objectContaining({ reason: 'it changes what others on the cluster see' })]),
  });
  expect((await check({ scenarios: loud, disturb: true })).runs).not.toEqual([]);
});

test('versions that one side does not have are told', async () => {
  const scenarios = SCENARIOS.filter(({ name }) => name === 'Heartbeat: in each state');
  const target = await askTarget(tcpTransport, realClock, venue.address);
  const offered = new Map([...target.offered, [Heartbeat.key, [2, 7] as const]]);
  const recorded = unfoldTranscripts(loadTranscripts(['Heartbeat', 'DescribeConfigs']));
  const { versions } = await checkConformance(venue, { ...target, offered }, recorded, {
    against: '4.4.0',
    scenarios,
    wanted: (_, version) => version < 2 || version > 4,
    known: [],
    disturb: false,
    atOnce: 1,
    scenarioTimeoutMs: 5000,
    timeoutMs: 5000,
    runId: 'bounds-',
    signal: new AbortController().signal,
  });
  expect(versions.map(({ version, status }) => [version, status])).toEqual([
    [0, 'not offered'],
    [1, 'not offered'],
    [5, 'not recorded'],
    [6, 'not recorded'],
    [7, 'not recorded'],
  ]);
});

test('what a broker offers is what it says', async () => {
  const offered = await askOffered(tcpTransport, realClock, venue.address);
  expect(offers(offered, Heartbeat.key, 4)).toBe(true);
  expect(offers(offered, Heartbeat.key, 5)).toBe(false);
  expect(offers(offered, 999, 0)).toBe(false);
});
