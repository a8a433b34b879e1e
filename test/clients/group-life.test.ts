import { describe, expect, onTestFinished, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { startMeasuringLateness } from '../support/lateness.ts';
import { type Assignor, type GroupClient, groupClients, type MemberOptions } from './group-members.ts';
import { GroupModel, type MemberProgram } from './group-model.ts';
import { type KafkaJs, kafkaJs } from './kafkajs-client.ts';

/** Every scenario with every client and assignor; without it, those that differ. */
const isLong = Boolean(process.env.MINIKAFKA_LONG_GROUPS);
/** Apache Kafka allows no shorter one by default. */
const SESSION_TIMEOUT_MS = foreignBroker ? 6000 : 3000;
const HEARTBEAT_MS = 200;
/** Beyond its session timeout: until the others have heard of it at their next heartbeat, and agreed. */
const TAKEOVER_MS = 1000;

const broker = brokerUnderTest({ args: ['--override', `group.min.session.timeout.ms=${SESSION_TIMEOUT_MS}`] });

/** `topic/partition` of each of the topic's partitions. */
const partitionsOf = (topic: string, count: number) => Array.from({ length: count }, (_, partition) => `${topic}/${partition}`);

/** A group of one client on one topic, and what is sent to it. */
class Scenario {
  readonly model = new GroupModel();
  readonly topic = unique('life');
  readonly group = unique('group');
  private readonly client: GroupClient;
  private readonly assignor: Assignor;
  private readonly kafka: KafkaJs = kafkaJs(broker.bootstrap);
  private readonly sent: string[] = [];
  private started = 0;

  constructor(client: GroupClient, assignor: Assignor) {
    this.client = client;
    this.assignor = assignor;
    onTestFinished(async () => {
      for (const each of this.model.alive()) each.program.signal('SIGKILL');
      await Promise.all(this.model.alive().map((each) => each.program.ended()));
    });
  }

  async createTopic(partitions: number, topic = this.topic): Promise<string[]> {
    await (await this.kafka.admin()).createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
    return partitionsOf(topic, partitions);
  }

  async grow(partitions: number): Promise<string[]> {
    await (await this.kafka.admin()).createPartitions({ topicPartitions: [{ topic: this.topic, count: partitions }] });
    return partitionsOf(this.topic, partitions);
  }

  start(options: Partial<MemberOptions> = {}): MemberProgram {
    this.started += 1;
    const program = this.client.start({
      bootstrap: broker.bootstrap,
      group: this.group,
      topics: [this.topic],
      assignor: this.assignor,
      members: 1,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS,
      metadataMaxAgeMs: 500,
      ...options,
    });
    return this.model.add(options.instanceId ?? `#${this.started}`, program, options.members);
  }

  /** Sends so many records to each partition; `topic/partition/offset` of each. */
  async send(partitions: readonly string[], count: number): Promise<string[]> {
    const producer = await this.kafka.producer();
    const records: string[] = [];
    for (const place of partitions) {
      const [topic, partition] = place.split('/') as [string, string];
      const messages = Array.from({ length: count }, () => ({ partition: Number(partition), value: 'x' }));
      const [answer] = await producer.send({ topic, messages });
      const base = Number(answer!.baseOffset);
      records.push(...messages.map((_, n) => `${place}/${base + n}`));
    }
    this.sent.push(...records);
    return records;
  }

  /** In a group where nothing changes, every record is seen once. */
  async isCalm(partitions: readonly string[]): Promise<void> {
    const first = await this.send(partitions, 10);
    await this.model.sees(first);
    const second = await this.send(partitions, 10); // whoever would read the first again has done so before the second
    await this.model.sees(second);
    expect(this.model.repeated([...first, ...second])).toEqual([]);
  }

  /** Ends the group; every record was seen, whatever has happened. */
  async end(): Promise<void> {
    await this.model.sees(this.sent);
    await this.model.end();
  }
}

describe.each(groupClients().filter(({ name }) => name === 'kafkajs'))('a group of $name', (client) => {
  test('has a new generation within 100 ms of the next heartbeat of its members when one leaves', async () => {
    const scenario = new Scenario(client, 'range');
    const { model } = scenario;
    const partitions = await scenario.createTopic(6);
    const members = Array.from({ length: 6 }, () => scenario.start());
    await model.settled(partitions);
    const took: number[] = [];
    const lateness = startMeasuringLateness();
    for (const leaves of members.slice(0, 4)) {
      await model.leave(leaves);
      await model.settled(partitions);
      const leftAt = model.events(leaves).find(({ event }) => event === 'left')!.at;
      const stays = model.alive().map((each) => model.events(each));
      const last = (event: string) => stays.map((events) => events.findLast((each) => each.event === event)!.at);
      const told = last('revoked'); // by a heartbeat that was answered with REBALANCE_IN_PROGRESS
      took.push(Math.max(...last('joined')) - Math.max(...told));
      for (const [n, events] of stays.entries()) {
        // One may have been on its way.
        const untold = events.filter(({ event, at }) => event === 'heartbeat' && at > leftAt && at < told[n]!);
        expect(untold.length).toBeLessThanOrEqual(1);
      }
    }
    // The median: a busy machine may hold up one of four.
    expect(took.sort((a, b) => a - b)[1], `ms: ${took}`).toBeLessThanOrEqual(100 + lateness());
    await scenario.end();
  });
});

const modes = groupClients().flatMap((client) =>
  client.assignors.map((assignor) => ({ name: `${client.name} (${assignor})`, client, assignor })),
);
/** The first of each client; all in a long run. */
const onePerClient = isLong ? modes : modes.filter(({ client, assignor }) => client.assignors[0] === assignor);

describe.each(modes)('a group of $name', ({ client, assignor }) => {
  test('shares its partitions out anew when a member joins, leaves, or is killed', async () => {
    const scenario = new Scenario(client, assignor);
    const { model } = scenario;
    const partitions = await scenario.createTopic(6);
    const [leaves, dies] = [scenario.start(), scenario.start()];
    await model.settled(partitions);
    await scenario.isCalm(partitions);

    scenario.start();
    await model.settled(partitions);
    await scenario.isCalm(partitions);

    await model.leave(leaves);
    await model.settled(partitions);
    await scenario.isCalm(partitions);

    const lateness = startMeasuringLateness();
    const killedAt = await model.kill(dies);
    await scenario.send(partitions, 10);
    const tookMs = (await model.settled(partitions)) - killedAt;
    expect(tookMs).toBeLessThanOrEqual(SESSION_TIMEOUT_MS + TAKEOVER_MS + lateness());
    await scenario.isCalm(partitions);
    await scenario.end();
  });
});

describe.each(onePerClient)('of a group of $name', ({ client, assignor }) => {
  test('five members are restarted one after the other while records come, and none is lost', async () => {
    const scenario = new Scenario(client, assignor);
    const { model } = scenario;
    const partitions = await scenario.createTopic(10);
    const old = Array.from({ length: 5 }, () => scenario.start());
    await model.settled(partitions);
    for (const each of old) {
      await scenario.send(partitions, 2);
      const leaving = model.leave(each);
      await scenario.send(partitions, 2);
      await leaving;
      scenario.start();
      await scenario.send(partitions, 2);
      await model.settled(partitions);
    }
    await scenario.isCalm(partitions);
    await scenario.end();
  });

  test('fifty members join at once, and each gets its share', async () => {
    const scenario = new Scenario(client, assignor);
    const partitions = await scenario.createTopic(50);
    for (let n = 0; n < 5; n++) scenario.start({ members: 10 });
    await scenario.model.settled(partitions);
    await scenario.isCalm(partitions);
    await scenario.end();
  });

  test('members pause and resume without a rebalance, and take up the partitions that are added', async () => {
    const scenario = new Scenario(client, assignor);
    const { model } = scenario;
    const partitions = await scenario.createTopic(2);
    const members = [scenario.start(), scenario.start()];
    await model.settled(partitions);
    await scenario.isCalm(partitions);
    await model.generationsTold();
    const sharings = model.sharings();

    const count = (event: string) => members.map((each) => model.events(each).filter((one) => one.event === event).length);
    const reach = (event: string, least: number) =>
      Promise.all(members.map((each, n) => each.program.waitFor(`${least} ${event}`, () => count(event)[n]! >= least || undefined)));
    for (const each of members) each.program.signal('SIGUSR2');
    await reach('paused', 1);
    const held = await scenario.send(partitions, 5);
    await reach('idle', Math.max(...count('idle')) + 10);
    expect(held.filter((each) => model.seen().has(each))).toEqual([]);
    for (const each of members) each.program.signal('SIGUSR2');
    await model.sees(held);
    expect(model.repeated(held)).toEqual([]);
    expect(model.sharings()).toBe(sharings);

    const more = await scenario.grow(5);
    await model.settled(more);
    await scenario.isCalm(more);
    await scenario.end();
  });

  test.runIf(client.looksForTopics)('members that subscribe by a pattern take up a topic that is created later', async () => {
    const scenario = new Scenario(client, assignor);
    const { model, topic } = scenario;
    const first = await scenario.createTopic(2, `${topic}-one`);
    await scenario.createTopic(2, `not-${topic}`);
    for (let n = 0; n < 2; n++) scenario.start({ pattern: `^${topic}-.*` });
    await model.settled(first);
    await scenario.isCalm(first);
    const both = [...first, ...(await scenario.createTopic(2, `${topic}-two`))];
    await model.settled(both);
    await scenario.isCalm(both);
    await scenario.end();
  });

  test.runIf(!client.looksForTopics)('members that subscribe by a pattern take up the topics that there are', async () => {
    const scenario = new Scenario(client, assignor);
    const { model, topic } = scenario;
    const both = [...(await scenario.createTopic(2, `${topic}-one`)), ...(await scenario.createTopic(2, `${topic}-two`))];
    await scenario.createTopic(2, `not-${topic}`);
    for (let n = 0; n < 2; n++) scenario.start({ pattern: `^${topic}-.*` });
    await model.settled(both);
    await scenario.isCalm(both);
    await scenario.end();
  });

  test.runIf(client.knowsStaticMembers)(
    'a static member comes back to its partitions, and loses them after its session timeout',
    async () => {
      const scenario = new Scenario(client, assignor);
      const { model } = scenario;
      const partitions = await scenario.createTopic(6);
      const [stays, restarts, dies] = ['a', 'b', 'c'].map((instanceId) => scenario.start({ instanceId }));
      await model.settled(partitions);
      const shareOf = (member: MemberProgram) => model.events(member).findLast(({ owned }) => owned && owned.length > 0)!.owned!;
      const share = shareOf(restarts!);
      const others = () => [stays, dies].map((each) => model.events(each!).filter(({ owned }) => owned).length);
      const before = others();

      await model.leave(restarts!);
      const again = scenario.start({ instanceId: 'b' });
      await model.settled(partitions);
      expect([...shareOf(again)].sort()).toEqual([...share].sort());
      await model.kill(again);
      const third = scenario.start({ instanceId: 'b' });
      await model.settled(partitions);
      expect([...shareOf(third)].sort()).toEqual([...share].sort());
      await scenario.isCalm(partitions);
      expect(others()).toEqual(before);

      const lateness = startMeasuringLateness();
      const killedAt = await model.kill(dies!);
      const tookMs = (await model.settled(partitions)) - killedAt;
      expect(tookMs).toBeLessThanOrEqual(SESSION_TIMEOUT_MS + TAKEOVER_MS + lateness());
      await scenario.isCalm(partitions);
      await scenario.end();
    },
  );
});
