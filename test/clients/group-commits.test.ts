import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { startProgram } from '../support/program.ts';
import { CommittingGroup, GROUP_PARTITIONS, type GroupKind } from './committing-group.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { logFaults } from './log-faults.ts';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 3);
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KINDS: Readonly<Record<GroupKind, number>> = { plain: 60, member: 20, forgetful: 20 };
const BURIED_A_ROUND = 5;
/** Small segments (Kafka's least, and those end at 10 index entries) and few partitions, so that compaction is always at work. */
const PARTITIONS = 2;
const settings = ['segment.bytes=1048576', `num.partitions=${PARTITIONS}`].map((each) => `offsets.topic.${each}`);
settings.push('log.index.size.max.bytes=80', 'log.flush.offset.checkpoint.interval.ms=500');
const broker = brokerUnderTest({ args: settings.flatMap((each) => ['--override', each]) });
const java = foreignBroker ? null : javaWithKafka();
const KILLER = fileURLToPath(new URL('./kill-at.mjs', import.meta.url));
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

/** What the broker is killed at: whenever, or when a file of a compaction appears. */
const AIMS = [null, '.cleaned', '.swap'] as const;
type Aim = (typeof AIMS)[number];
const AIM_DEADLINE_MS = 20_000;

const folders = (): string[] => Array.from({ length: PARTITIONS }, (_, n) => join(broker.process.data, `__consumer_offsets-${n}`));
const namesLeft = (): string[] => folders().flatMap((folder) => readdirSync(folder));

/** Kills the broker at the first file of that kind that comes `delayMs` after the first compaction of its run. */
async function killAt(aim: Aim, delayMs: number): Promise<void> {
  // Segments that a compaction has replaced are kept for a while; none survives a start.
  await eventually(() => expect(namesLeft().some((name) => name.endsWith('.deleted'))).toBe(true));
  await sleep(delayMs);
  if (aim !== null) {
    const killer = startProgram(process.execPath, [KILLER, String(broker.process.pid), `.log${aim}`, ...folders()]);
    expect(await killer.ended(AIM_DEADLINE_MS)).toEqual({ code: 0, signal: null });
  }
  await broker.process.kill();
}

function newGroups(topic: string, random: () => number): CommittingGroup[] {
  return Object.entries(KINDS).flatMap(([kind, count]) =>
    Array.from({ length: count }, () => new CommittingGroup(unique(kind), kind as GroupKind, topic, random)),
  );
}

const total = (groups: readonly CommittingGroup[], of: 'commits' | 'forgotten'): number => groups.reduce((sum, each) => sum + each[of], 0);

test.skipIf(foreignBroker)(
  `after each of ${ROUNDS} kill -9 under 100 committing groups, every acknowledged commit and deletion is there, and every member`,
  async () => {
    console.log(`KILL_SEED=${seed} KILL_ROUNDS=${ROUNDS}`);
    const random = prng(seed);
    const topic = unique('committed');
    const address = { host: 'localhost', port: broker.process.port };
    const admin = await kafkaJs(broker.bootstrap).admin();
    await admin.createTopics({ topics: [{ topic, numPartitions: GROUP_PARTITIONS }], waitForLeaders: true });
    const groups = newGroups(topic, random);
    const buried: CommittingGroup[] = [];
    const each = (groups: readonly CommittingGroup[], act: (group: CommittingGroup) => unknown) => Promise.all(groups.map(act));
    const checked = async () => (await Promise.all([...groups, ...buried].map((group) => group.check()))).flat();

    await each(groups, (group) => group.connect(address));
    for (let round = 1; round <= ROUNDS; round++) {
      const before = total(groups, 'commits');
      for (const group of groups) group.start();
      const graves = Array.from({ length: BURIED_A_ROUND }, () => new CommittingGroup(unique('buried'), 'plain', topic, random));
      await each(graves, (group) => group.connect(address));
      await each(graves, (group) => group.buryItself(graves.indexOf(group) > 0));
      buried.push(...graves);

      const aim = AIMS[round % AIMS.length]!;
      await killAt(aim, random() * 1000);
      await each(groups, (group) => group.stop(true));
      await each(buried, (group) => group.stop(true));
      const left = namesLeft();
      const count = (suffix: string) => left.filter((name) => name.endsWith(suffix)).length;
      const killed = performance.now();
      await broker.process.start();
      await each([...groups, ...buried], (group) => group.connect(address));
      const readyMs = Math.round(performance.now() - killed);
      expect(await checked()).toEqual([]);
      console.log(
        `round ${round}: ${total(groups, 'commits') - before} commits; killed at ${aim ?? 'any time'}, after ${count('.deleted')} files ` +
          `were replaced, with ${count('.cleaned')} cleaned and ${count('.swap')} swap files there; loaded again in ${readyMs} ms`,
      );
    }
    // All is still there after another round without a kill, and a clean stop.
    for (const group of groups) group.start();
    await sleep(300);
    await each([...groups, ...buried], (group) => group.stop());
    expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
    await broker.process.start();
    await each([...groups, ...buried], (group) => group.connect(address));
    expect(await checked()).toEqual([]);
    const listed = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    expect(buried.map(({ id }) => id).filter((id) => listed.includes(id))).toEqual(
      buried.filter((_, n) => n % BURIED_A_ROUND === 0).map(({ id }) => id),
    );
    await each([...groups, ...buried], (group) => group.stop());
    console.log(`${total(groups, 'commits')} commits and ${total(groups, 'forgotten')} deletions were acknowledged`);

    expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
    expect(namesLeft().filter((name) => /\.(cleaned|swap)$/.test(name))).toEqual([]);
    const verified = await promisify(execFile)(process.execPath, [CLI, 'log', 'verify', broker.process.data, '--deep'], {
      timeout: 60_000,
    });
    expect(verified.stderr).toBe('');
    if (java !== null) expect(await logFaults(java, broker.process.data, ['__consumer_offsets'])).toEqual([]);
  },
  60_000 + ROUNDS * 20_000,
);
