// Members of a group with kafkajs, several in one process. Its only argument is JSON, see MemberOptions in ../group-members.ts;
// it prints what its members see, a JSON object a line.
import { Kafka, logLevel } from 'kafkajs';

const options = JSON.parse(process.argv[2]);
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 20 };
// kafkajs 2.2.4 that is stopped while it shares its fetchers out anew starts them over and over, each only to find that it was stopped, and
// never comes to its event loop again. Nothing else says so many times that it exits.
let exits = 0;
const logCreator = () => (entry) => {
  if (entry.log.message === 'consumer not running, exiting' && ++exits > 1000) process.exit();
};
const kafka = new Kafka({ clientId: 'member', brokers: options.bootstrap.split(','), logLevel: logLevel.DEBUG, logCreator, retry });
const topics = options.pattern === undefined ? options.topics : [new RegExp(options.pattern)];

function startMember(index) {
  const report = (event, fields = {}) => console.log(JSON.stringify({ event, member: index, at: Date.now(), ...fields }));
  const consumer = kafka.consumer({
    groupId: options.group,
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: options.heartbeatMs,
    maxWaitTimeInMs: options.heartbeatMs,
    metadataMaxAge: options.metadataMaxAgeMs,
    rebalanceTimeout: 30_000,
  });
  let owned = [];
  let isReported = true;
  let isPaused = false;
  const { GROUP_JOIN, HEARTBEAT, REBALANCING, CRASH } = consumer.events;
  consumer.on(REBALANCING, () => {
    owned = [];
    report('revoked', { owned });
  });
  consumer.on(GROUP_JOIN, ({ payload }) => {
    owned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((each) => `${topic}/${each}`));
    isReported = false;
    report('joined', { owned });
  });
  // The generation is told by the first heartbeat in it.
  consumer.on(HEARTBEAT, ({ payload }) => {
    report('heartbeat');
    if (!isReported) report('assigned', { owned, generation: payload.groupGenerationId });
    isReported = true;
    if (isPaused) report('idle');
  });
  // One that it recovers from by itself, as it says, is a way to join again: a rebalance during its first join, say.
  consumer.on(CRASH, ({ payload: { restart, error } }) => {
    owned = [];
    if (restart) report('revoked', { owned });
    else report('crashed', { error: error.message });
  });

  const run = async () => {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      eachBatch: async ({ batch: { topic, partition, messages } }) =>
        report('records', { partition: `${topic}/${partition}`, offsets: messages.map(({ offset }) => Number(offset)) }),
    });
  };
  run().catch((error) => report('crashed', { error: error.message }));
  return {
    leave: async () => {
      await consumer.disconnect();
      report('left', { owned: [] });
    },
    togglePause: () => {
      const every = [...new Set(owned.map((each) => each.slice(0, each.lastIndexOf('/'))))].map((topic) => ({ topic }));
      if (isPaused) consumer.resume(every);
      else consumer.pause(every);
      isPaused = !isPaused;
      report(isPaused ? 'paused' : 'resumed');
    },
  };
}

const members = Array.from({ length: options.members }, (_, index) => startMember(index));
process.once('SIGTERM', async () => {
  await Promise.all(members.map(({ leave }) => leave()));
  // kafkajs 2.2.4 may keep a socket open that it opened while a broker died.
  setTimeout(() => process.exit(), 1000).unref();
});
process.on('SIGUSR2', () => {
  for (const { togglePause } of members) togglePause();
});
