import { CreateTopics, DescribeTopicPartitions, ElectLeaders, Fetch, Metadata, Produce } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { type Scenario, scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { assigned, at, described, ledBy, named, placement } from './cluster-support.ts';

/*
 * A topic on brokers 2 and 3, of which one record is on broker 2 alone when that dies: only an unclean election gives it a leader again, and
 * that record is lost. The parts are played one after the other, while brokers die and come back in between.
 */
const NAME = 'unclean';
const ONE_MEMBER = { 'min.insync.replicas': '1' };

const whole = {
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: NAME, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
};

async function produce<Q, R>(stage: Stage<Q, R>, step: string, value: string, leader: number): Promise<void> {
  const records = batchBytes({ values: [value] });
  const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name: NAME, partitionData: [{ index: 0, records }] }] };
  await stage.stepOf(Produce, 9, step, request, undefined, at(leader));
}

/** What a consumer would read; how often leaders changed before is each broker's own. */
const values = ({ responses }: ResponseOf<typeof Fetch>) =>
  responses.map(({ partitions }) =>
    partitions.map(({ errorCode, highWatermark, records }) => [
      errorCode,
      highWatermark,
      records?.toString('latin1').match(/value of \w+/g) ?? [],
    ]),
  );

const inSync =
  (...ids: number[]) =>
  ({ topics }: ResponseOf<typeof Metadata>): boolean =>
    topics[0]?.partitions[0]?.isrNodes.toSorted().join() === ids.join();

/** Played while all brokers are there. */
export const uncleanPrologue: readonly Scenario[] = [
  scenario(
    CreateTopics,
    'before an unclean election',
    async (stage) => {
      const configs = Object.entries(ONE_MEMBER).map(([name, value]) => ({ name, value }));
      const topic = { name: NAME, numPartitions: -1, replicationFactor: -1, assignments: assigned([2, 3]), configs };
      await stage.ask(CreateTopics, 7, { topics: [topic] });
      await stage.ready(NAME);
      await produce(stage, 'a record on both replicas', 'value of both', 2);
    },
    [7, 7],
  ),
];

/** Played without broker 3. */
export const uncleanBetween: readonly Scenario[] = [
  scenario(
    Produce,
    'before an unclean election',
    async (stage) => {
      await stage.until(Metadata, 12, named(NAME), inSync(2), at(2));
      await produce(stage, 'a record on broker 2 alone', 'value of one', 2);
    },
    [9, 9],
  ),
];

/** Played while broker 3 is back, and broker 2 is down. */
export const uncleanScenarios: readonly Scenario[] = [
  scenario(
    ElectLeaders,
    'unclean, where no other is left',
    async (stage) => {
      const topicPartitions = [{ topic: NAME, partitions: [0] }];
      const hasNoLeader = ({ topics }: ResponseOf<typeof Metadata>) => topics[0]?.partitions[0]?.leaderId === -1;
      for (const id of [1, 3]) await stage.until(Metadata, 12, named(NAME), hasNoLeader, at(id));
      await stage.stepOf(Metadata, 12, 'nobody leads', named(NAME), ({ topics }) =>
        topics.map(({ partitions }) =>
          partitions.map(({ errorCode, leaderId, offlineReplicas }) => [errorCode, leaderId, offlineReplicas]),
        ),
      );
      await stage.step('a preferred leader is not there', { electionType: 0, topicPartitions });
      await stage.step('an unclean one is', { electionType: 1, topicPartitions });
      await ledBy(stage, NAME, 0, 3, [1, 3]);
      await stage.stepOf(Metadata, 12, 'who leads', named(NAME), placement);
      await stage.stepOf(DescribeTopicPartitions, 0, 'and who may', { topics: [{ name: NAME }] }, described);
      await stage.step('again', { electionType: 1, topicPartitions });
      await stage.until(Fetch, 11, whole, ({ responses }) => responses[0]?.partitions[0]?.highWatermark === 1, at(3));
      await stage.stepOf(Fetch, 11, 'what is left', whole, values, at(3));
      await produce(stage, 'another record', 'value of three', 3);
    },
    [2, 2],
  ),
];

/** Played when broker 2 is back. */
export const uncleanEpilogue: readonly Scenario[] = [
  scenario(
    Fetch,
    'after an unclean election',
    async (stage) => {
      await stage.until(Metadata, 12, named(NAME), inSync(2, 3), at(3));
      await stage.stepOf(ElectLeaders, 2, 'the preferred leader is in sync again', {
        electionType: 0,
        topicPartitions: [{ topic: NAME, partitions: [0] }],
      });
      await ledBy(stage, NAME, 0, 2);
      await stage.until(Fetch, 11, whole, ({ responses }) => responses[0]?.partitions[0]?.highWatermark === 2, at(2));
      await stage.stepOf(Fetch, 11, 'and has what the other had', whole, values, at(2));
    },
    [11, 11],
  ),
];
