import { AlterReplicaLogDirs, DescribeLogDirs, Produce } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

type Described = ResponseOf<typeof DescribeLogDirs>;

/** How large the volume is says something of the machine; that it is known counts. */
const anywhere = (response: Described) => ({
  ...response,
  results: response.results.map((directory) => ({
    ...directory,
    totalBytes: directory.totalBytes > 0,
    usableBytes: directory.usableBytes > 0 && directory.usableBytes <= directory.totalBytes,
  })),
});

/** Other scenarios' topics are none of this one's business. */
const own = (prefix: string) => (response: Described) => {
  const shown = anywhere(response);
  const ofOwn = ({ name }: { name: string }) => name.startsWith(prefix);
  return { ...shown, results: shown.results.map((directory) => ({ ...directory, topics: directory.topics.filter(ofOwn) })) };
};

export const describeLogDirsScenarios = [
  scenario(DescribeLogDirs, 'what partitions take up', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    await stage.topic('b');
    const records = batchBytes({ values: ['a', 'b', 'c'] });
    await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 1, records }] }] });
    await stage.step('null: all', { topics: null }, own(stage.name('')));
    await stage.step('one partition', { topics: [{ topic: name, partitions: [1] }] }, anywhere);
    await stage.step('a partition twice', { topics: [1, 2].map(() => ({ topic: name, partitions: [0, 0] })) }, anywhere);
  }),

  scenario(DescribeLogDirs, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('no topics', { topics: [] }, anywhere);
    await stage.step('a topic without partitions', { topics: [{ topic: name, partitions: [] }] }, anywhere);
    await stage.step('a topic', { topics: [{ topic: stage.name('nowhere'), partitions: [0] }] }, anywhere);
    await stage.step('a partition beside one that does', { topics: [{ topic: name, partitions: [0, 7, -1] }] }, anywhere);
  }),

  scenario(DescribeLogDirs, 'what is asked for', async (stage) => {
    const { name: a } = await stage.topic('a', { partitions: 3 });
    const { name: b } = await stage.topic('b');
    const records = batchBytes({ values: ['a', 'b', 'c'] });
    const partitionData = [0, 2].map((index) => ({ index, records }));
    await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name: a, partitionData }] });
    await stage.step(
      'two topics',
      {
        topics: [
          { topic: b, partitions: [0] },
          { topic: a, partitions: [2, 1, 0] },
        ],
      },
      anywhere,
    );
    await stage.step(
      'partitions of one topic in two entries',
      {
        topics: [
          { topic: a, partitions: [0] },
          { topic: a, partitions: [2] },
        ],
      },
      anywhere,
    );
    await stage.step('a topic without a name', { topics: [{ topic: '', partitions: [0] }] }, anywhere);
    await stage.step('an invalid name', { topics: [{ topic: 'a b', partitions: [0] }] }, anywhere);
  }),
];

/** The log directory of the broker; the broker of a scenario may have several, and then this is one of them. */
async function directoryOf(stage: Stage, topic: string): Promise<string> {
  const { results } = await stage.ask(DescribeLogDirs, 4, { topics: [{ topic, partitions: [0] }] });
  return results.find(({ topics }) => topics.length > 0)!.logDir;
}

const NOWHERE = '/nowhere/at/all';

export const alterReplicaLogDirsScenarios = [
  scenario(AlterReplicaLogDirs, 'to where the replica is', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const path = await directoryOf(stage as unknown as Stage, name);
    await stage.step('one partition', { dirs: [{ path, topics: [{ name, partitions: [0] }] }] });
    await stage.step('two partitions', { dirs: [{ path, topics: [{ name, partitions: [0, 1] }] }] });
    await stage.step('a partition twice', { dirs: [{ path, topics: [{ name, partitions: [1, 1] }] }] });
    await stage.step('a topic twice', { dirs: [{ path, topics: [0, 1].map((partition) => ({ name, partitions: [partition] })) }] });
    await stage.step('the directory twice', { dirs: [0, 1].map((partition) => ({ path, topics: [{ name, partitions: [partition] }] })) });
    await stage.stepOf(DescribeLogDirs, 4, 'then', { topics: [{ topic: name, partitions: [0, 1] }] }, anywhere);
  }),

  scenario(AlterReplicaLogDirs, 'to nowhere', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const path = await directoryOf(stage as unknown as Stage, name);
    const topics = [{ name, partitions: [0] }];
    await stage.step('a directory that is none of the log directories', { dirs: [{ path: NOWHERE, topics }] });
    await stage.step('an empty path', { dirs: [{ path: '', topics }] });
    await stage.step('a path that is not absolute', { dirs: [{ path: 'data', topics }] });
    await stage.step('with a slash at its end', { dirs: [{ path: `${path}/`, topics }] });
    await stage.step('nowhere, then where it is', { dirs: [NOWHERE, path].map((each) => ({ path: each, topics })) });
    await stage.step('where it is, then nowhere', { dirs: [path, NOWHERE].map((each) => ({ path: each, topics })) });
    await stage.step('one partition each', {
      dirs: [path, NOWHERE].map((each, partition) => ({ path: each, topics: [{ name, partitions: [partition] }] })),
    });
  }),

  scenario(AlterReplicaLogDirs, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    const path = await directoryOf(stage as unknown as Stage, name);
    const of = (topic: string, ...partitions: number[]) => ({ dirs: [{ path, topics: [{ name: topic, partitions }] }] });
    await stage.step('a partition', of(name, 7));
    await stage.step('a partition beside one that does', of(name, 0, 7));
    await stage.step('a negative partition', of(name, -1));
    await stage.step('a topic', of(stage.name('nowhere'), 0));
    await stage.step('a topic without a name', of('', 0));
    await stage.step('an invalid name', of('a b', 0));
    await stage.step('a name that is too long for a folder', of('n'.repeat(214), 0));
    await stage.step('a name that is not', of('n'.repeat(213), 0));
    await stage.step('a name that is too long, in a directory that is none', {
      dirs: [{ path: NOWHERE, topics: [{ name: 'n'.repeat(214), partitions: [0] }] }],
    });
    await stage.step('a topic in a directory that is none', {
      dirs: [{ path: NOWHERE, topics: [{ name: stage.name('nowhere'), partitions: [0] }] }],
    });
  }),

  scenario(AlterReplicaLogDirs, 'nothing', async (stage) => {
    const { name } = await stage.topic('a');
    const path = await directoryOf(stage as unknown as Stage, name);
    await stage.step('no directories', { dirs: [] });
    await stage.step('a directory without topics', { dirs: [{ path, topics: [] }] });
    await stage.step('a topic without partitions', { dirs: [{ path, topics: [{ name, partitions: [] }] }] });
    await stage.step('a directory that is none, without topics', { dirs: [{ path: NOWHERE, topics: [] }] });
  }),
];
