import { DeleteRecords, DeleteTopics, Fetch, Metadata } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  AT_ONCE_MS,
  append,
  at,
  type FetchStage,
  of,
  type FetchRequest as Request,
  request,
  UNKNOWN_ID,
  WITH_SESSIONS,
} from './fetch-support.ts';

/** Requests of the session that a first one began. */
const inSession = (created: { readonly sessionId: number } | null) => {
  const sessionId = created?.sessionId ?? 0;
  return (sessionEpoch: number, topics: Request['topics'] = [], more: Partial<Request> = {}) =>
    request(topics, { sessionId, sessionEpoch, ...more });
};
const BEGIN = { sessionId: 0, sessionEpoch: 0 } as const;

type Begin = (step: string, body: Request, version?: number) => Promise<{ readonly sessionId: number } | null>;

/** A scenario that closes the sessions which it began: a broker keeps a thousand. */
const withSessions = (name: string, play: (stage: FetchStage, begin: Begin) => Promise<void>) =>
  scenario(
    Fetch,
    name,
    async (stage) => {
      const begun = new Set<number>();
      const begin: Begin = async (step, body, version = stage.version) => {
        const created = await stage.stepOf(Fetch, version, step, body);
        if (created && created.sessionId > 0) begun.add(created.sessionId);
        return created;
      };
      await play(stage, begin);
      for (const sessionId of begun) await stage.ask(Fetch, stage.version, request([], { sessionId, sessionEpoch: -1 }));
    },
    WITH_SESSIONS,
  );

export const fetchSessionsScenarios = [
  withSessions('a session', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 3 });
    await append(stage, topic, ['one'], 0);
    const all = [of(topic, at(0, 0), at(1, 0), at(2, 0))];
    const created = await begin('created', request(all, { sessionId: 0, sessionEpoch: 0 }));
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
  }),

  withSessions('the life of sessions', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 1 });
    const all = [of(topic, at(0, 0))];
    const first = await begin('created', request(all, { sessionId: 0, sessionEpoch: 0 }));
    const sessionId = first?.sessionId ?? 0;
    const second = await begin('replaced by a new one', request(all, { sessionId, sessionEpoch: 0 }));
    await stage.step('the replaced one', request([], { sessionId, sessionEpoch: 1 }));
    await append(stage, topic, ['one']);
    await stage.step('closed with a full fetch', request(all, { sessionId: second?.sessionId ?? 0, sessionEpoch: -1 }));
    await stage.step('no session', request(all, { sessionId: 0, sessionEpoch: -1 }));
    await stage.step('no session, a later epoch', request(all, { sessionId: 0, sessionEpoch: 5 }));
    await begin('a session of nothing', request([], { sessionId: 0, sessionEpoch: 0 }));
    const nowhere = { name: stage.name('nowhere'), topicId: UNKNOWN_ID };
    const partial = await begin(
      'created with a topic that does not exist',
      request([of(nowhere, at(0, 0)), ...all], { sessionId: 0, sessionEpoch: 0 }),
    );
    await stage.step('which is an error each time', request([], { sessionId: partial?.sessionId ?? 0, sessionEpoch: 1 }));
    await stage.grow(topic.name, 1, 2);
    await stage.step(
      'a partition that came later',
      request([of(topic, at(1, 0))], { sessionId: partial?.sessionId ?? 0, sessionEpoch: 2 }),
    );
  }),

  withSessions('what a session is told', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 3 });
    for (const partition of [0, 1, 2]) await append(stage, topic, ['one'], partition);
    const next = inSession(await begin('created at the ends', request([of(topic, at(0, 1), at(1, 1), at(2, 1))], BEGIN)));
    await stage.step('nothing is new', next(1));
    await append(stage, topic, ['two'], 2);
    await stage.step('waiting, but there is something', next(2, [], { maxWaitMs: AT_ONCE_MS }));
    await stage.step('the end of another high watermark', next(3, [of(topic, at(2, 2))]));
    await stage.step('nothing is new again', next(4));
    await stage.ask(DeleteRecords, 1, {
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 1, offset: -1 }] }],
      timeoutMs: 5000,
    });
    await stage.step('another log start', next(5));
    await stage.step('and not again', next(6));
    await stage.step('an offset that is now out of range', next(7, [of(topic, at(1, 0))]));
    await stage.step('put right', next(8, [of(topic, at(1, 1))]));
    await stage.step('and not again either', next(9));
    await append(stage, topic, ['three'], 0);
    await stage.step('records, but the limit is 0', next(10, [of(topic, at(0, 1, { partitionMaxBytes: 0 }))], { maxBytes: 0 }));
    await stage.step('the same partition twice', next(11, [of(topic, at(2, 1), at(2, 2))]));
    await stage.step('read committed', next(12, [], { isolationLevel: 1 }));
    await stage.step('min bytes that never come', next(13, [of(topic, at(0, 2), at(2, 2))], { maxWaitMs: 30, minBytes: 1000 }));
  }),

  withSessions('whose turn it is in a session', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 4 });
    const bytes = await append(stage, topic, ['0'], 0);
    for (const partition of [1, 2, 3]) await append(stage, topic, [`${partition}`], partition);
    const limit = { maxBytes: bytes };
    const next = inSession(await begin('created', request([of(topic, at(0, 0), at(1, 0), at(2, 0), at(3, 0))], { ...BEGIN, ...limit })));
    for (let i = 1; i <= 5; i++) await stage.step(`turn ${i}`, next(i, [], limit));
    await stage.step('room for two', next(6, [], { maxBytes: 2 * bytes }));
    await stage.step('one moved on', next(7, [of(topic, at(0, 1))], limit));
    await stage.step('after that', next(8, [], limit));
  }),

  withSessions('forgetting in a session', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 2 });
    await append(stage, topic, ['one'], 0);
    await append(stage, topic, ['two'], 1);
    const forget = (partitions: number[], { name, topicId } = topic) => ({ forgottenTopicsData: [{ topic: name, topicId, partitions }] });
    const next = inSession(await begin('created', request([of(topic, at(0, 0), at(1, 0))], BEGIN)));
    await stage.step('forgotten and named', next(1, [of(topic, at(0, 0))], forget([0])));
    await stage.step('what is left', next(2));
    await stage.step('a partition that is not in it', next(3, [], forget([7])));
    await stage.step('a topic that is not in it', next(4, [], forget([0], { name: stage.name('nowhere'), topicId: UNKNOWN_ID })));
    await stage.step('forgotten twice', next(5, [], forget([0, 0])));
    await stage.step('all forgotten', next(6, [], forget([0, 1])));
    await stage.step('after that', next(7));
    await stage.step('without a session', request([of(topic, at(0, 0), at(1, 0))], { sessionId: 0, sessionEpoch: -1, ...forget([0]) }));
    await begin('when it begins', request([of(topic, at(0, 0), at(1, 0))], { ...BEGIN, ...forget([0]) }));
  }),

  withSessions('epochs of a session', async (stage, begin) => {
    const topic = await stage.topic('a');
    const all = [of(topic, at(0, 0))];
    const next = inSession(await begin('created', request(all, BEGIN)));
    for (const epoch of [2, 5, -2, 2 ** 31 - 1]) await stage.step(`epoch ${epoch} in place of 1`, next(epoch));
    await stage.step('epoch 1', next(1));
    await stage.step('epoch 1 again', next(1));
    await begin('begun anew', next(0, all));
    await stage.step('epoch 2 of the one before', next(2));
    for (const epoch of [1, 7, -2, 2 ** 31 - 1])
      await stage.step(`epoch ${epoch} without a session`, request(all, { sessionId: 0, sessionEpoch: epoch }));
    await stage.step('a negative id', request(all, { sessionId: -5, sessionEpoch: 1 }));
    await stage.step('a negative id, to close it', request(all, { sessionId: -5, sessionEpoch: -1 }));
    await begin('a negative id, to begin anew', request(all, { sessionId: -5, sessionEpoch: 0 }));
  }),

  // KIP-516: a session names all topics by id, or all by name.
  withSessions('a session that changes between names and ids', async (stage, begin) => {
    const topic = await stage.topic('a');
    await append(stage, topic, ['one']);
    const all = [of(topic, at(0, 0))];
    const next = inSession(await begin('created', request(all, BEGIN)));
    const other = stage.version >= 13 ? 12 : 13;
    await stage.stepOf(Fetch, other, 'the other way', next(1, all));
    await stage.step('this way again', next(1));
    await begin('begun anew the other way', next(0, all), other);
  }),

  withSessions('topics that go and come in a session', async (stage, begin) => {
    const topic = await stage.topic('a');
    const stays = await stage.topic('b');
    await append(stage, topic, ['one']);
    const next = inSession(await begin('created', request([of(topic, at(0, 1)), of(stays, at(0, 0))], BEGIN)));
    await stage.ask(DeleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5000 });
    const named = { topics: [{ name: topic.name }], allowAutoTopicCreation: false };
    await stage.until(Metadata, 8, named, ({ topics }) => topics[0]!.errorCode !== 0);
    const anew = await stage.topic('a');
    await append(stage, anew, ['another']);
    await stage.step('there is another of its name', next(1));
    await stage.step('the same, again', next(2));
    await stage.step('the other one named', next(3, [of(anew, at(0, 0))]));
    await stage.step('afterwards', next(4));
  }),

  withSessions('waiting in a session', async (stage, begin) => {
    const topic = await stage.topic('a', { partitions: 2 });
    const next = inSession(await begin('created', request([of(topic, at(0, 0), at(1, 0))], BEGIN)));
    const waiting = await stage.begin(Fetch, stage.version, 'answered by the append', next(1, [], { maxWaitMs: AT_ONCE_MS }), 'waiting');
    await stage.pause(30);
    await append(stage, topic, ['one'], 1);
    await waiting.finish();
    await stage.ask(DeleteRecords, 1, {
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 1, offset: 1 }] }],
      timeoutMs: 5000,
    });
    await stage.step('another log start', next(2, [of(topic, at(1, 1))], { maxWaitMs: 20 }));
    const absent = { name: stage.name('nowhere'), topicId: UNKNOWN_ID };
    const mixed = inSession(await begin('created with what does not exist', request([of(absent, at(0, 0)), of(topic, at(0, 0))], BEGIN)));
    const both = await stage.begin(Fetch, stage.version, 'what exists waits', mixed(1, [], { maxWaitMs: AT_ONCE_MS }), 'waiting');
    await stage.pause(30);
    await append(stage, topic, ['two'], 0);
    await both.finish();
    const gone = inSession(await begin('created with only that', request([of(absent, at(0, 0))], BEGIN)));
    await stage.step('does not wait', gone(1, [], { maxWaitMs: AT_ONCE_MS }));
    await stage.step('out of range, which does not wait', next(3, [of(topic, at(0, 99))], { maxWaitMs: AT_ONCE_MS }));
    await stage.grow(topic.name, 2, 3);
    await stage.step('a partition that came later', next(4, [of(topic, at(0, 0), at(2, 0))]));
  }),
];
