// Consume, transform, produce with kafkajs, exactly once. Its only argument is JSON, see WorkerOptions in transform-workers.ts; it prints what it does.
//
// kafkajs commits offsets in a transaction without the group's generation, so that nothing but the transactional id fences a member that lost a
// partition and does not know: there is one for each input partition. Who is given a partition initialises its producer first (which ends
// what its predecessor had under way), and asks only then where to begin.
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const { bootstrap, group, input, output, outputPartitions, name, maxRecords, abortEvery, sessionTimeoutMs, transactionTimeoutMs } =
  JSON.parse(process.argv[2]);
const say = (text) => console.log(`${new Date().toISOString()} ${text}`);

// kafkajs 2.2.4 may turn round for ever over this message, and never come to its event loop again.
let exits = 0;
const logCreator = () => (entry) => {
  if (entry.log.message === 'consumer not running, exiting' && ++exits > 1000) process.exit(4);
  if (entry.level <= logLevel.WARN) say(`kafkajs: ${entry.namespace} ${entry.log.message} ${entry.log.error ?? ''}`);
};
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 10 };
const kafka = new Kafka({
  clientId: name,
  brokers: bootstrap.split(','),
  logLevel: logLevel.INFO,
  logCreator,
  retry,
  connectionTimeout: 1000,
  requestTimeout: 10_000,
});
const consumer = kafka.consumer({
  groupId: group,
  sessionTimeout: sessionTimeoutMs,
  heartbeatInterval: 200,
  rebalanceTimeout: 10_000,
  maxWaitTimeInMs: 200,
  readUncommitted: false,
});
const admin = kafka.admin();

/** A partition while this member has it: `position` is null until its producer has fenced the one before. */
const lanes = new Map();
let transactions = 0;

function laneOf(partition) {
  const existing = lanes.get(partition);
  if (existing) return existing;
  const producer = kafka.producer({
    transactionalId: `${group}-${partition}`,
    transactionTimeout: transactionTimeoutMs,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry,
  });
  const lane = { partition, producer, connected: producer.connect(), position: null };
  lanes.set(partition, lane);
  return lane;
}

/** After an error nobody knows how a transaction ended: whoever comes next asks. */
function drop(lane) {
  if (lanes.get(lane.partition) === lane) lanes.delete(lane.partition);
  lane.connected.then(() => lane.producer.disconnect()).catch(() => {});
}

async function committedOffset(partition) {
  const [topic] = await admin.fetchOffsets({ groupId: group, topics: [input] });
  return Math.max(0, Number(topic.partitions.find((each) => each.partition === partition).offset));
}

const transformed = ({ value, offset }, ending) => {
  const [partition, n] = value.toString('latin1').split(' ');
  return { partition: n % outputPartitions, value: `${partition} ${n} ${offset} ${ending}` };
};

/**
 * One partition after the other: kafkajs 2.2.4 that sends to several brokers at once, one of which refuses for the moment, sends to all of them again
 * while the others still have its first requests, and gives the same records new sequence numbers.
 */
async function sendAll(transaction, messages) {
  for (const partition of new Set(messages.map((each) => each.partition))) {
    const some = messages.filter((each) => each.partition === partition);
    const answers = await transaction.send({ topic: output, acks: -1, timeout: 5_000, messages: some });
    if (answers.length !== 1) throw new Error(`kafkajs sent ${answers.length} times to partition ${partition}`);
  }
}

/** @returns the offset behind what it committed, null when it aborted */
async function transact(lane, transaction, messages) {
  const isAborted = ++transactions % abortEvery === 0;
  const end = Number(messages.at(-1).offset) + 1;
  await sendAll(
    transaction,
    messages.map((message) => transformed(message, isAborted ? 'aborted' : name)),
  );
  const partitions = [{ partition: lane.partition, offset: String(end) }];
  await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: input, partitions }] });
  if (isAborted) {
    await transaction.abort();
    return null;
  }
  await transaction.commit();
  return end;
}

/** One transaction of a batch. @returns whether there is more to do */
async function step(lane, { topic, partition, messages }, resolveOffset) {
  await lane.connected;
  const transaction = await lane.producer.transaction();
  if (lane.position === null) {
    lane.position = await committedOffset(partition);
    say(`partition ${partition} from ${lane.position}`);
  }
  const from = messages.findIndex(({ offset }) => Number(offset) === lane.position);
  if (from < 0) {
    await transaction.abort(); // nothing is in it
    if (lane.position !== Number(messages.at(-1).offset) + 1) consumer.seek({ topic, partition, offset: String(lane.position) });
    return false;
  }
  const end = await transact(lane, transaction, messages.slice(from, from + maxRecords));
  if (end !== null) {
    say(`committed ${partition} ${lane.position} ${end}`);
    lane.position = end;
    resolveOffset(String(end - 1));
  }
  return true;
}

async function eachBatch({ batch, resolveOffset, heartbeat, isRunning }) {
  const lane = laneOf(batch.partition);
  for (let isMore = true; isMore && isRunning() && lanes.get(batch.partition) === lane; ) {
    try {
      isMore = await step(lane, batch, resolveOffset);
    } catch (error) {
      say(`partition ${batch.partition}: ${error.name} ${error.message}`);
      drop(lane);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await heartbeat();
  }
}

const { GROUP_JOIN, CRASH } = consumer.events;
consumer.on(GROUP_JOIN, ({ payload }) => {
  say(`joined ${JSON.stringify(payload.memberAssignment)}`);
  for (const lane of lanes.values()) drop(lane);
});
consumer.on(CRASH, ({ payload: { restart, error } }) => {
  say(`crashed ${error.message}, ${restart ? 'goes on' : 'ends'}`);
  if (!restart) process.exit(3);
});
process.once('SIGTERM', async () => {
  setTimeout(() => process.exit(), 5_000).unref(); // kafkajs may keep a socket open
  await consumer.disconnect();
  process.exit();
});

await admin.connect();
await consumer.connect();
await consumer.subscribe({ topics: [input], fromBeginning: true });
await consumer.run({ eachBatch, eachBatchAutoResolve: false, autoCommit: false, partitionsConsumedConcurrently: 3 });
say('runs');
