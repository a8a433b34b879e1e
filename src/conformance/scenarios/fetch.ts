import { CreatePartitions, DeleteTopics, Fetch, Produce } from '../../protocol/messages/index.ts';
import type { RequestTo, ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

type Request = RequestTo<typeof Fetch>;
type Response = ResponseOf<typeof Fetch>;
type FetchStage = Stage<Request, Response>;
interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const MODERN = [4, 18] as const;
/** Fetch sessions (KIP-227). */
const WITH_SESSIONS = [7, 18] as const;
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';

const at = (partition: number, fetchOffset: number, more: object = {}) => ({
  partition,
  fetchOffset,
  partitionMaxBytes: 1_048_576,
  ...more,
});
const of = (topic: Topic, ...partitions: ReturnType<typeof at>[]) => ({ topic: topic.name, topicId: topic.topicId, partitions });
const request = (topics: Request['topics'], more: Partial<Request> = {}): Request => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics,
  forgottenTopicsData: [],
  ...more,
});

/** Appends one batch and says how many bytes it has. */
async function append(stage: FetchStage, topic: Topic, values: string[], partition = 0): Promise<number> {
  const records = batchBytes({ values });
  await stage.ask(Produce, 8, {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: topic.name, partitionData: [{ index: partition, records }] }],
  });
  return records.byteLength;
}

export const fetchScenarios = [
  scenario(
    Fetch,
    'reading',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      await stage.step('an empty log', request([of(topic, at(0, 0))]));
      await append(stage, topic, ['one', 'two', 'three']);
      await append(stage, topic, ['four']);
      await stage.step('from the start', request([of(topic, at(0, 0))]));
      await stage.step('from inside a batch', request([of(topic, at(0, 1))]));
      await stage.step('from the second batch', request([of(topic, at(0, 3))]));
      await stage.step('from the end', request([of(topic, at(0, 4))]));
      await stage.step('from the end, waiting for bytes', request([of(topic, at(0, 4))], { maxWaitMs: 50 }));
      await stage.step('min bytes 0 does not wait', request([of(topic, at(0, 4))], { maxWaitMs: 5000, minBytes: 0 }));
      await stage.step('more min bytes than there are', request([of(topic, at(0, 0))], { maxWaitMs: 50, minBytes: 100_000 }));
      await stage.step('read committed', request([of(topic, at(0, 0))], { isolationLevel: 1 }));
      await stage.step('beyond the end', request([of(topic, at(0, 5))]));
      await stage.step('a negative offset', request([of(topic, at(0, -1))]));
      await stage.step('two partitions', request([of(topic, at(0, 3), at(1, 0))]));
    },
    MODERN,
  ),

  scenario(
    Fetch,
    'limits of bytes',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const large = await append(stage, topic, ['x'.repeat(1000)], 0);
      await append(stage, topic, ['y'.repeat(1000)], 0);
      await append(stage, topic, ['small'], 1);
      await append(stage, topic, ['z'.repeat(1000)], 2);
      await stage.step('one large batch over the partition limit', request([of(topic, at(0, 0, { partitionMaxBytes: 10 }))]));
      await stage.step('one large batch over the limit of the request', request([of(topic, at(0, 0))], { maxBytes: 10 }));
      await stage.step('two partitions, the first over its limit', request([of(topic, at(0, 0, { partitionMaxBytes: 10 }), at(1, 0))]));
      await stage.step('two partitions, the second over its limit', request([of(topic, at(1, 0), at(0, 0, { partitionMaxBytes: 10 }))]));
      await stage.step('the request is full after the first', request([of(topic, at(0, 0), at(1, 0), at(2, 0))], { maxBytes: large }));
      await stage.step('room for the second batch too', request([of(topic, at(0, 0), at(1, 0))], { maxBytes: 2 * large }));
      await stage.step('limits of 0', request([of(topic, at(0, 0, { partitionMaxBytes: 0 }))], { maxBytes: 0 }));
    },
    MODERN,
  ),

  scenario(
    Fetch,
    'what does not exist',
    async (stage) => {
      const topic = await stage.topic('a');
      await append(stage, topic, ['one']);
      const nowhere = { name: stage.name('nowhere'), topicId: UNKNOWN_ID };
      await stage.step('a topic', request([of(nowhere, at(0, 0))]));
      await stage.step(
        'a topic beside one that does',
        request([of(nowhere, at(0, 0)), of(topic, at(0, 0))], { maxWaitMs: 5000, minBytes: 100_000 }),
      );
      await stage.step('a partition', request([of(topic, at(5, 0))]));
      await stage.step('a negative partition', request([of(topic, at(-1, 0))]));
      await stage.step('no topics', request([]));
      await stage.step('a topic without partitions', request([of(topic)]));
      await stage.step('the same topic twice', request([of(topic, at(0, 0)), of(topic, at(0, 1))]));
    },
    MODERN,
  ),

  scenario(
    Fetch,
    'leader epochs',
    async (stage) => {
      const topic = await stage.topic('a');
      await append(stage, topic, ['one', 'two']);
      await stage.step('the current one', request([of(topic, at(0, 0, { currentLeaderEpoch: 0 }))]));
      await stage.step('a future one', request([of(topic, at(0, 0, { currentLeaderEpoch: 5 }))]));
      if (stage.version < 12) return;
      await stage.step('the last fetched epoch agrees', request([of(topic, at(0, 1, { lastFetchedEpoch: 0 }))]));
      await stage.step('the last fetched epoch is unknown here', request([of(topic, at(0, 1, { lastFetchedEpoch: 7 }))]));
      await stage.step('the last fetched epoch, beyond the end', request([of(topic, at(0, 9, { lastFetchedEpoch: 0 }))]));
    },
    [9, 18],
  ),

  scenario(
    Fetch,
    'waiting until there is something',
    async (stage) => {
      const topic = await stage.topic('a');
      const waiting = await stage.begin(
        Fetch,
        stage.version,
        'answered by the append',
        request([of(topic, at(0, 0))], { maxWaitMs: 8000 }),
        'waiting',
      );
      await stage.pause(50);
      await append(stage, topic, ['one']);
      await waiting.finish();
      const enough = await stage.begin(
        Fetch,
        stage.version,
        'answered by the second append',
        request([of(topic, at(0, 1))], { maxWaitMs: 8000, minBytes: 100 }),
        'waiting',
      );
      await append(stage, topic, ['two']);
      await stage.pause(50);
      await append(stage, topic, ['three']);
      await enough.finish();
      const doomed = await stage.begin(
        Fetch,
        stage.version,
        'answered when the topic is deleted',
        request([of(topic, at(0, 3))], { maxWaitMs: 2000 }),
        'waiting',
      );
      await stage.pause(50);
      await stage.ask(DeleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5000 });
      await doomed.finish();
    },
    MODERN,
  ),

  scenario(
    Fetch,
    'a session',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      await append(stage, topic, ['one'], 0);
      const all = [of(topic, at(0, 0), at(1, 0), at(2, 0))];
      const created = await stage.step('created', request(all, { sessionId: 0, sessionEpoch: 0 }));
      const sessionId = created?.sessionId ?? 0;
      const next = (sessionEpoch: number, topics: Request['topics'] = [], more: Partial<Request> = {}) =>
        request(topics, { sessionId, sessionEpoch, ...more });
      await stage.step('the data again, for the offset has not moved', next(1));
      await stage.step('moved on, nothing new', next(2, [of(topic, at(0, 1))]));
      await append(stage, topic, ['two'], 1);
      await stage.step('only the partition with news', next(3));
      await stage.step('a wrong epoch', next(3));
      await stage.step('after the wrong epoch', next(4, [of(topic, at(1, 1))]));
      const forgotten = [{ topic: topic.name, topicId: topic.topicId, partitions: [2] }];
      await stage.step('one forgotten', next(5, [], { forgottenTopicsData: forgotten }));
      await append(stage, topic, ['three'], 2);
      await append(stage, topic, ['four'], 0);
      await stage.step('nothing of the forgotten one', next(6));
      await stage.step('a forgotten one added again', next(7, [of(topic, at(0, 2), at(2, 0))]));
      await stage.step('out of range inside a session', next(8, [of(topic, at(0, 99))]));
      await stage.step('the error again, for nothing has changed', next(9));
      await stage.step('closed', next(-1));
      await stage.step('after closing', next(10));
      await stage.step('an id that does not exist', request(all, { sessionId: 123_456_789, sessionEpoch: 1 }));
    },
    WITH_SESSIONS,
  ),

  scenario(
    Fetch,
    'the life of sessions',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 1 });
      const all = [of(topic, at(0, 0))];
      const first = await stage.step('created', request(all, { sessionId: 0, sessionEpoch: 0 }));
      const sessionId = first?.sessionId ?? 0;
      const second = await stage.step('replaced by a new one', request(all, { sessionId, sessionEpoch: 0 }));
      await stage.step('the replaced one', request([], { sessionId, sessionEpoch: 1 }));
      await append(stage, topic, ['one']);
      await stage.step('closed with a full fetch', request(all, { sessionId: second?.sessionId ?? 0, sessionEpoch: -1 }));
      await stage.step('no session', request(all, { sessionId: 0, sessionEpoch: -1 }));
      await stage.step('no session, a later epoch', request(all, { sessionId: 0, sessionEpoch: 5 }));
      await stage.step('a session of nothing', request([], { sessionId: 0, sessionEpoch: 0 }));
      const nowhere = { name: stage.name('nowhere'), topicId: UNKNOWN_ID };
      const partial = await stage.step(
        'created with a topic that does not exist',
        request([of(nowhere, at(0, 0)), ...all], { sessionId: 0, sessionEpoch: 0 }),
      );
      await stage.step('which is an error each time', request([], { sessionId: partial?.sessionId ?? 0, sessionEpoch: 1 }));
      await stage.ask(CreatePartitions, 1, {
        topics: [{ name: topic.name, count: 2, assignments: null }],
        timeoutMs: 5000,
        validateOnly: false,
      });
      await stage.ready(topic.name, 2);
      await stage.step(
        'a partition that came later',
        request([of(topic, at(1, 0))], { sessionId: partial?.sessionId ?? 0, sessionEpoch: 2 }),
      );
    },
    WITH_SESSIONS,
  ),
];
