import { AssignerProtocol, type GroupDescription } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { startMeasuringLateness } from '../support/lateness.ts';
import type { Program } from '../support/program.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

/** Apache Kafka allows no shorter one by default. */
const SESSION_TIMEOUT_MS = foreignBroker ? 6000 : 3000;
/** Beyond its session timeout: until the others have heard of it at their next heartbeat, and agreed. */
const TAKEOVER_MS = 1000;
const STOPPED_BY_SIGTERM = { code: 143, signal: null };

const broker = brokerUnderTest({ args: ['--override', `group.min.session.timeout.ms=${SESSION_TIMEOUT_MS}`] });
const java = javaWithKafka();

/** Console consumers of one group on all topics that begin with `prefix`. */
function consoleConsumers(prefix: string) {
  const group = unique('console');
  const started: Program[] = [];
  onTestFinished(() => {
    for (const each of started) each.signal('SIGKILL');
  });
  const configs = { 'session.timeout.ms': SESSION_TIMEOUT_MS, 'heartbeat.interval.ms': 200, 'metadata.max.age.ms': 500 };
  return {
    group,
    start: (): Program => {
      const formatted = ['print.partition=true', 'print.offset=true'].flatMap((each) => ['--formatter-property', each]);
      const configured = Object.entries(configs).flatMap(([name, value]) => ['--command-property', `${name}=${value}`]);
      const what = ['--bootstrap-server', broker.bootstrap, '--include', `${prefix}.*`, '--group', group, '--from-beginning'];
      const program = java!.start('org.apache.kafka.tools.consumer.ConsoleConsumer', [...what, ...formatted, ...configured]);
      started.push(program);
      return program;
    },
    /** `partition/offset/value` of each record that they have printed. */
    printed: (): string[] =>
      started.flatMap((each) =>
        each.lines().flatMap((line) => {
          const [, partition, offset, value] = /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/.exec(line) ?? [];
          return partition === undefined ? [] : [`${partition}/${offset}/${value}`];
        }),
      ),
  };
}

/** What each member of a stable group owns, as `topic/partition`. */
function shares({ state, members }: GroupDescription): string[][] {
  expect(state).toBe('Stable');
  return members.map(({ memberAssignment }) =>
    Object.entries(AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {}).flatMap(([topic, partitions]) =>
      partitions.map((partition) => `${topic}/${partition}`),
    ),
  );
}

describe.skipIf(java === null)("a group of Java's console consumers", () => {
  test('shares its partitions out anew when a member joins, leaves, or is killed, and when topics come or grow', async () => {
    const prefix = unique('console');
    const consumers = consoleConsumers(prefix);
    const client = kafkaJs(broker.bootstrap);
    const admin = await client.admin();
    const topics = [`${prefix}-one`, `${prefix}-two`];
    const create = (topic: string) => admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    const settled = (members: number, partitions: readonly string[]) =>
      eventually(async () => {
        const owned = shares((await admin.describeGroups([consumers.group])).groups[0]!);
        expect(owned).toHaveLength(members);
        expect(owned.flat().sort()).toEqual([...partitions].sort());
      });
    const sent: string[] = [];
    const isCalm = async (partitions: readonly string[]) => {
      const added: string[] = [];
      const producer = await client.producer(); // a new one knows of new partitions
      for (const place of partitions) {
        const [topic, partition] = place.split('/') as [string, string];
        const value = unique('value');
        const [answer] = await producer.send({ topic, messages: [{ partition: Number(partition), value }] });
        added.push(`${partition}/${answer!.baseOffset}/${value}`);
      }
      sent.push(...added);
      await eventually(() =>
        expect(
          consumers
            .printed()
            .filter((each) => added.includes(each))
            .sort(),
        ).toEqual([...added].sort()),
      );
    };

    await create(topics[0]!);
    const four = [0, 1, 2, 3].map((partition) => `${topics[0]}/${partition}`);
    const first = consumers.start();
    await settled(1, four.slice(0, 2));
    await isCalm(four.slice(0, 2));
    await admin.createPartitions({ topicPartitions: [{ topic: topics[0]!, count: 4 }] });
    await settled(1, four);
    const second = consumers.start();
    await settled(2, four);
    await isCalm(four);

    await create(topics[1]!);
    const six = [...four, `${topics[1]}/0`, `${topics[1]}/1`];
    await settled(2, six);
    await isCalm(six);

    first.signal('SIGTERM');
    expect(await first.ended()).toEqual(STOPPED_BY_SIGTERM);
    await settled(1, six);
    await isCalm(six);

    const third = consumers.start();
    await settled(2, six);
    await isCalm(six);
    const lateness = startMeasuringLateness();
    const killedAt = performance.now();
    second.signal('SIGKILL');
    await settled(1, six);
    expect(performance.now() - killedAt).toBeLessThanOrEqual(SESSION_TIMEOUT_MS + TAKEOVER_MS + lateness());
    await isCalm(six);
    third.signal('SIGTERM');
    expect(await third.ended()).toEqual(STOPPED_BY_SIGTERM);
    expect(sent.filter((each) => !consumers.printed().includes(each))).toEqual([]);
  });
});
