import { CreateTopics, DeleteTopics, Metadata } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { newTopic, seen, UNKNOWN_ID, withoutTime, ZERO } from './topic-support.ts';

export const deleteTopicsScenarios = [
  scenario(
    DeleteTopics,
    'by name',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b');
      await stage.step('one', { topicNames: [a.name], timeoutMs: 5000 });
      await stage.until(Metadata, 12, seen(a.name), ({ topics }) => topics[0]?.errorCode === 3);
      await stage.stepOf(Metadata, 12, 'it is gone', seen(a.name));
      await stage.step('one that is not there, and one that is', { topicNames: [a.name, b.name], timeoutMs: 5000 });
      await stage.step('an invalid name', { topicNames: ['a b'], timeoutMs: 5000 });
      await stage.step('none', { topicNames: [], timeoutMs: 5000 });
      const c = await stage.topic('c');
      await stage.step('a name twice', { topicNames: [c.name, c.name], timeoutMs: 5000 });
      const again = await stage.topic('a');
      await stage.step('a name that was deleted and created again', { topicNames: [again.name], timeoutMs: 5000 });
    },
    [0, 5],
  ),

  scenario(
    DeleteTopics,
    'by name and by id',
    async (stage) => {
      const a = await stage.topic('a');
      const b = await stage.topic('b');
      const c = await stage.topic('c');
      const request = (...topics: { name: string | null; topicId: string }[]) => ({ topics, timeoutMs: 5000 });
      await stage.step('by name', request({ name: a.name, topicId: ZERO }));
      await stage.step('by id', request({ name: null, topicId: b.topicId }));
      await stage.until(Metadata, 12, seen(b.name), ({ topics }) => topics[0]?.errorCode === 3);
      await stage.step('by an id that is gone', request({ name: null, topicId: b.topicId }));
      await stage.step('by an unknown id', request({ name: null, topicId: UNKNOWN_ID }));
      await stage.step('by an unknown name', request({ name: stage.name('nowhere'), topicId: ZERO }));
      await stage.step('by neither', request({ name: null, topicId: ZERO }));
      await stage.step('by both', request(c));
      await stage.step('twice, by name and by id', request({ name: c.name, topicId: ZERO }, { name: null, topicId: c.topicId }));
      await stage.step('by id twice', request({ name: null, topicId: c.topicId }, { name: null, topicId: c.topicId }));
    },
    [6, 6],
  ),
];

export const deleteTopicsRefusedScenarios = [
  scenario(
    DeleteTopics,
    'names that do not exist',
    async (stage) => {
      const names = ['', '.', '..', 'ä', 'a/b', 'x'.repeat(250), stage.name('nowhere')];
      for (const name of names) await stage.step(`"${name.slice(-7)}"`, { topicNames: [name], timeoutMs: 5000 });
      await stage.step('all of them', { topicNames: names, timeoutMs: 5000 });
      await stage.step('one of them twice', { topicNames: [stage.name('nowhere'), stage.name('nowhere')], timeoutMs: 5000 });
      const { name } = await stage.topic('a');
      await stage.step('between two that do not', { topicNames: ['a b', name, stage.name('nowhere')], timeoutMs: 5000 });
      await stage.step('a name that is taken again at once', { topicNames: [name], timeoutMs: 5000 });
      await stage.stepOf(CreateTopics, 4, 'it can be', { topics: [newTopic(name)] });
    },
    [0, 5],
  ),

  scenario(
    DeleteTopics,
    'ids and names that do not exist',
    async (stage) => {
      const request = (...topics: { name: string | null; topicId: string }[]) => ({ topics, timeoutMs: 5000 });
      const named = (name: string) => ({ name, topicId: ZERO });
      const byId = (topicId: string) => ({ name: null, topicId });
      for (const name of ['', '.', 'a/b', 'x'.repeat(250)]) await stage.step(`name "${name.slice(0, 5)}"`, request(named(name)));
      await stage.step('an unknown name, and its id', request({ name: stage.name('nowhere'), topicId: UNKNOWN_ID }));
      await stage.step('an unknown id twice', request(byId(UNKNOWN_ID), byId(UNKNOWN_ID)));
      await stage.step('an unknown name twice', request(named(stage.name('nowhere')), named(stage.name('nowhere'))));
      await stage.step('neither, twice', request(byId(ZERO), byId(ZERO)));
      const a = await stage.topic('a');
      const b = await stage.topic('b');
      await stage.step('a name beside the id of another topic', request({ name: a.name, topicId: b.topicId }));
      await stage.step('both of a and the name of b', request(a, named(b.name)));
      await stage.step(
        'a name, an id, an unknown name, an unknown id, neither',
        request(named(a.name), named(stage.name('nowhere')), byId(UNKNOWN_ID), byId(ZERO)),
      );
      await stage.until(Metadata, 12, seen(a.name), ({ topics }) => topics[0]?.errorCode === 3);
      const again = await stage.topic('a');
      await stage.step('the id that the name had before', request(byId(a.topicId)));
      await stage.step('the id that it has now', request(byId(again.topicId)));
      await stage.step('none', request());
    },
    [6, 6],
  ),

  scenario(DeleteTopics, 'no time', async (stage) => {
    const { name } = await stage.topic('a');
    const request = (timeoutMs: number, ...names: string[]) =>
      stage.version >= 6 ? { topics: names.map((each) => ({ name: each, topicId: ZERO })), timeoutMs } : { topicNames: names, timeoutMs };
    await withoutTime(stage, name, request);
  }),
];
