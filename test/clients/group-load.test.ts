import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { CommittingGroup } from './committing-group.ts';
import { kafkaJs } from './kafkajs-client.ts';

/** Each writes a record for each partition. */
const COMMITS = Number(process.env.COMMITS ?? 20_000);
/** Its own default is 4 MiB; COMMITS=1000000 looks at that one. */
const SEGMENT_BYTES = process.env.COMMITS ? 4 * 1024 * 1024 : 1024 * 1024;
const args = ['--log-level', 'debug', '--override', `offsets.topic.segment.bytes=${SEGMENT_BYTES}`];
args.push('--override', 'offsets.topic.num.partitions=1');
const broker = brokerUnderTest({ args });

function logBytes(): number {
  const folder = join(broker.process.data, '__consumer_offsets-0');
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return logs.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

test.skipIf(foreignBroker)(
  `the log of a group that has committed ${COMMITS} times stays small`,
  async () => {
    const topic = unique('loaded');
    await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
    const address = { host: 'localhost', port: broker.process.port };
    const group = new CommittingGroup(unique('busy'), 'plain', topic, () => 1);
    await group.connect(address);
    const started = performance.now();
    group.start();
    await eventually(() => expect(group.commits).toBeGreaterThanOrEqual(COMMITS), 600_000);
    await group.stop();
    const tookMs = Math.round(performance.now() - started);
    // The active segment, what is left of the others, and one that was filled while they were compacted.
    await eventually(() => expect(logBytes()).toBeLessThan(3 * SEGMENT_BYTES));
    const bytes = logBytes();

    await broker.process.kill();
    await broker.process.start();
    await group.connect(address);
    expect(await group.check()).toEqual([]);
    await group.stop();
    const loads = [...broker.process.output().matchAll(/"records":(\d+),"ms":(\d+),"msg":"Coordinator partition loaded"/g)];
    expect(loads.length).toBeGreaterThan(1);
    const [, records, ms] = loads.at(-1)!;
    expect(Number(records)).toBeLessThan(COMMITS);
    console.log(`${group.commits} commits in ${tookMs} ms; ${bytes} bytes of log with ${records} records loaded again in ${ms} ms`);
  },
  700_000,
);
