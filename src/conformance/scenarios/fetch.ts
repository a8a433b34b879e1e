import { DeleteTopics, Fetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { AT_ONCE_MS, append, at, FETCH_MODERN, of, request, UNKNOWN_ID } from './fetch-support.ts';

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
    FETCH_MODERN,
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
        request([of(nowhere, at(0, 0)), of(topic, at(0, 0))], { maxWaitMs: 10, minBytes: 100_000 }),
      );
      const nothing = [of(nowhere, at(0, 0)), of(topic, at(7, 0))];
      await stage.step('nothing that exists does not wait', request(nothing, { maxWaitMs: AT_ONCE_MS, minBytes: 100_000 }));
      const some = [of(nowhere, at(0, 0)), of(topic, at(7, 0), at(0, 1))];
      const waiting = await stage.begin(Fetch, stage.version, 'what exists waits', request(some, { maxWaitMs: AT_ONCE_MS }), 'waiting');
      await stage.pause(30);
      await append(stage, topic, ['two']);
      await waiting.finish();
      await stage.step('a partition', request([of(topic, at(5, 0))]));
      await stage.step('a negative partition', request([of(topic, at(-1, 0))]));
      await stage.step('no topics', request([]));
      await stage.step('a topic without partitions', request([of(topic)]));
      await stage.step('the empty name, the zero id', request([of({ name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, at(0, 0))]));
      await stage.step('an invalid name', request([of({ name: 'a b', topicId: UNKNOWN_ID }, at(0, 0))]));
      await stage.step('the partitions furthest off', request([of(topic, at(2 ** 31 - 1, 0), at(-(2 ** 31), 0), at(0, 0))]));
      await stage.step('several topics and partitions', request([of(nowhere, at(0, 0), at(1, 0)), of(topic, at(1, 0), at(0, 0))]));
      await stage.step('the same partition twice', request([of(topic, at(0, 0), at(0, 0))]));
      await stage.step('the same topic twice, two partitions', request([of(topic, at(0, 0)), of(topic, at(1, 0))]));
      await stage.step('the same topic twice', request([of(topic, at(0, 0)), of(topic, at(0, 1))]));
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'of an internal topic',
    async (stage) => {
      await stage.group('any');
      const internal = { name: '__consumer_offsets', topicId: await stage.ready('__consumer_offsets', 50) };
      await stage.step('an internal topic, out of range', request([of(internal, at(0, 9e15))]));
      await stage.step('a partition that an internal topic does not have', request([of(internal, at(50, 0))]));
    },
    FETCH_MODERN,
    { onlyAlone: true },
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
        request([of(topic, at(0, 3))], { maxWaitMs: 9000 }),
        'waiting',
      );
      await stage.pause(50);
      await stage.ask(DeleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5000 });
      await doomed.finish();
    },
    FETCH_MODERN,
  ),
];
