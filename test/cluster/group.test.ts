import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { GroupLedger, GroupMember } from './group-member.ts';
import { ROUNDS, Scenario } from './scenario.ts';

const PARTITIONS = 6;
const GROUP = 'readers';

test(
  `a group of three goes on through ${ROUNDS} deaths of its coordinator: no generation used twice, no commit lost`,
  async () => {
    const scenario = await Scenario.start({ recordsPerSecond: 500 });
    const { cluster, client } = scenario;
    const ledger = new GroupLedger(PARTITIONS);
    const members = Array.from({ length: 3 }, () => new GroupMember(client, GROUP, 'plain', ledger));
    onTestFinished(async () => {
      await Promise.all(members.map((member) => member.stop()));
    });
    for (const member of members) member.start();
    const commitsOn = async () => {
      const before = [...ledger.committed];
      await eventually(() => expect(ledger.committed.filter((offset, p) => offset <= before[p]!)).toEqual([]), 40_000);
    };
    await commitsOn();
    for (let round = 1; round <= ROUNDS; round++) {
      await scenario.between(100, 1_000);
      const coordinator = await eventually(() => members[0]!.findCoordinator());
      const dead = cluster.broker(coordinator);
      const begun = performance.now();
      await dead.kill();
      await commitsOn();
      const ms = Math.round(performance.now() - begun);
      await dead.start();
      await cluster.waitForIsr('__consumer_offsets', undefined, undefined, { timeoutMs: 60_000 });
      await commitsOn();
      console.log(
        `round ${round}: coordinator ${coordinator} killed, all partitions committed again after ${ms} ms, ${ledger.commits} commits`,
      );
    }
    for (let p = 0; p < PARTITIONS; p++) await eventually(() => members[0]!.fetchCommitted(p));
    expect(ledger.wrong).toEqual([]);
    expect(ledger.commits).toBeGreaterThan(0);
    await scenario.finish();
  },
  120_000 + ROUNDS * 90_000,
);
