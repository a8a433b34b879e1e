import { describe, expect, onTestFinished, test } from 'vitest';
import { clusterUnderTest, coordinatorOf } from '../support/cluster-under-test.ts';
import { prng } from '../support/prng.ts';
import { CommittingGroup, type GroupKind } from './committing-group.ts';
import { groupClients } from './group-members.ts';
import { GroupModel } from './group-model.ts';
import { kafkaJs } from './kafkajs-client.ts';

const SESSION_TIMEOUT_MS = 6000;
const PARTITIONS = 6;
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 2);
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const COMMITTING: Readonly<Record<GroupKind, number>> = { plain: 10, member: 10, forgetful: 0 };

const under = clusterUnderTest();

describe.each(groupClients())('a group of three $name consumers', (client) => {
  test(`goes on through ${ROUNDS} deaths of its coordinator, with each record seen and no partition owned twice in a generation`, async () => {
    const { cluster } = under;
    const topic = `group-${client.name}`;
    await cluster.createTopic(topic, { partitions: PARTITIONS, replicationFactor: 3 });
    const partitions = Array.from({ length: PARTITIONS }, (_, index) => `${topic}/${index}`);
    const producer = await kafkaJs(cluster.bootstrapServers).producer();
    const sent: string[] = [];
    const send = async () => {
      const messages = partitions.map((_, partition) => ({ partition, value: 'x' }));
      const answers = await producer.send({ topic, messages });
      sent.push(...answers.map(({ partition, baseOffset }) => `${topic}/${partition}/${baseOffset}`));
    };
    const model = new GroupModel();
    onTestFinished(async () => {
      for (const { program } of model.alive()) program.signal('SIGKILL');
      await Promise.all(model.alive().map(({ program }) => program.ended()));
    });
    const options = {
      ...{ bootstrap: cluster.bootstrapServers, group: `of-${client.name}`, topics: [topic], assignor: 'range' as const, members: 1 },
      ...{ sessionTimeoutMs: SESSION_TIMEOUT_MS, heartbeatMs: 200, metadataMaxAgeMs: 500 },
    };
    for (const name of ['a', 'b', 'c']) model.add(name, client.start(options));
    await model.settled(partitions);
    await send();
    await model.sees(sent);

    for (let round = 0; round < ROUNDS; round++) {
      const coordinator = cluster.broker(await coordinatorOf(cluster, options.group));
      await coordinator.kill();
      await send();
      await model.settled(partitions);
      await model.sees(sent);
      await coordinator.start();
      await cluster.waitForIsr('__consumer_offsets');
      await cluster.waitForIsr(topic);
    }
    await model.end();
  }, 90_000);
});

test(`${ROUNDS} deaths of a coordinator lose no commit and no member of the groups that commit all the time`, async () => {
  console.log(`KILL_SEED=${seed} KILL_ROUNDS=${ROUNDS}`);
  const { cluster } = under;
  const random = prng(seed);
  const topic = 'committed';
  await cluster.createTopic(topic, { partitions: 3, replicationFactor: 3 });
  const groups = Object.entries(COMMITTING).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, n) => new CommittingGroup(`${kind}-${n}`, kind as GroupKind, topic, random)),
  );
  const connect = async (group: CommittingGroup) => {
    const { port } = cluster.broker(await coordinatorOf(cluster, group.id));
    await group.connect({ host: 'localhost', port });
  };
  await Promise.all(groups.map(connect));
  for (let round = 1; round <= ROUNDS; round++) {
    const before = groups.reduce((sum, { commits }) => sum + commits, 0);
    for (const group of groups) group.start();
    await new Promise((resolve) => setTimeout(resolve, 300 + random() * 700));
    const dies = cluster.broker(await coordinatorOf(cluster, groups[round % groups.length]!.id));
    await dies.kill();
    await Promise.all(groups.map((group) => group.stop(true)));
    await Promise.all(groups.map(connect));
    expect((await Promise.all(groups.map((group) => group.check()))).flat()).toEqual([]);
    console.log(`round ${round}: ${groups.reduce((sum, { commits }) => sum + commits, 0) - before} commits; broker ${dies.id} killed`);
    await dies.start();
    await cluster.waitForIsr('__consumer_offsets');
  }
  for (const group of groups) group.start();
  await Promise.all(groups.map((group) => group.stop()));
}, 120_000);
