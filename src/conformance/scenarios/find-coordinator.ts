import { FindCoordinator } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;

const COORDINATOR_NOT_AVAILABLE = 15;

/** Asked in either shape: v0-v3 take one key, later versions several. */
const request = (keyType: number, ...keys: string[]) => ({ key: keys[0] ?? '', coordinatorKeys: keys, keyType });

/** Apache Kafka creates its internal topics when it is first asked for a coordinator: then it is not available yet. */
const codes = (version: number) => (response: ResponseOf<typeof FindCoordinator>) => {
  const all = version < 4 ? [response.errorCode] : response.coordinators.map(({ errorCode }) => errorCode);
  return all.map((code) => (code === COORDINATOR_NOT_AVAILABLE ? 0 : code));
};

export const findCoordinatorScenarios = [
  scenario(FindCoordinator, 'of a group', async (stage) => {
    const group = await stage.group('a');
    await stage.step('one', request(GROUP, group));
    await stage.step('without a name', request(GROUP, ''));
    await stage.step('with a name that is no topic name', request(GROUP, stage.name('/ ü\n"')));
    await stage.step('with a long name', request(GROUP, stage.name('n'.repeat(1000))));
    if (stage.version < 4) return;
    await stage.step('three', request(GROUP, stage.name('c'), group, ''));
    await stage.step('one twice', request(GROUP, group, group));
    await stage.step('none', request(GROUP));
    await stage.step('a hundred', request(GROUP, ...Array.from({ length: 100 }, (_, i) => stage.name(`g${i}`))));
  }),

  scenario(
    FindCoordinator,
    'key types that do not exist',
    async (stage) => {
      const group = stage.name('a');
      for (const keyType of [3, 9, 127, -1, -128]) await stage.step(`type ${keyType}`, request(keyType, group));
      if (stage.version < 4) return;
      await stage.step('with two keys', request(9, group, ''));
      await stage.step('with no keys', request(9));
    },
    [1, 6],
  ),

  scenario(
    FindCoordinator,
    'of a transactional id',
    async (stage) => {
      await stage.step('one', request(TRANSACTION, stage.name('t')), codes(stage.version));
      await stage.step('without a name', request(TRANSACTION, ''), codes(stage.version));
      const id = await stage.transactionalId('x');
      await stage.step('who it is', request(TRANSACTION, id));
      await stage.step('with a name that is no topic name', request(TRANSACTION, stage.name('/ ü\n"')));
      if (stage.version < 4) return;
      await stage.step('three', request(TRANSACTION, stage.name('c'), id, ''));
      await stage.step('one twice', request(TRANSACTION, id, id));
      await stage.step('none', request(TRANSACTION));
    },
    [1, 6],
  ),

  scenario(
    FindCoordinator,
    'of a share group',
    async (stage) => {
      const { topicId } = await stage.topic('a');
      const group = stage.name('a');
      await stage.step('a partition of it', request(SHARE, `${group}:${topicId}:0`), codes(stage.version));
    },
    [6, 6],
  ),

  scenario(
    FindCoordinator,
    'of a share group, by what is no key',
    async (stage) => {
      const group = stage.name('a');
      await stage.step('only its name', request(SHARE, group));
      await stage.step('without a name', request(SHARE, ''));
      await stage.step('a topic that is no id', request(SHARE, `${group}:topic:0`));
      await stage.step('a partition that is no number', request(SHARE, `${group}:AAAAAAAAAAAAAAAAAAAACQ:x`));
      if (stage.version < 4) return;
      await stage.step('none', request(SHARE));
    },
    [1, 6],
  ),
];
