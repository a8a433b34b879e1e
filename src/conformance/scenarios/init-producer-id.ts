import { InitProducerId } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';

export const initProducerIdScenarios = [
  scenario(
    InitProducerId,
    'without a transactional id',
    async (stage) => {
      const fresh = { transactionalId: null, transactionTimeoutMs: 60_000 };
      await stage.producerId();
      const first = await stage.step('a producer id', fresh);
      await stage.step('another one', fresh);
      await stage.step('the timeout does not matter', { transactionalId: null, transactionTimeoutMs: -1 });
      for (const transactionTimeoutMs of [0, 2 ** 31 - 1])
        await stage.step(`timeout ${transactionTimeoutMs}`, { ...fresh, transactionTimeoutMs });
      await stage.step('an empty transactional id', { transactionalId: '', transactionTimeoutMs: 60_000 });
      if (stage.version < 3) return;
      await stage.step('with the id and epoch it has', {
        ...fresh,
        producerId: first?.producerId ?? 0,
        producerEpoch: first?.producerEpoch ?? 0,
      });
      await stage.step('with an id and no epoch', { ...fresh, producerId: 5, producerEpoch: -1 });
      await stage.step('with an epoch and no id', { ...fresh, producerId: -1, producerEpoch: 5 });
      await stage.step('with an id that nobody handed out', { ...fresh, producerId: 123_456_789_012, producerEpoch: 3 });
      await stage.step('with negative ones', { ...fresh, producerId: -2, producerEpoch: -2 });
      await stage.step('with the last epoch', { ...fresh, producerId: first?.producerId ?? 0, producerEpoch: 2 ** 15 - 1 });
      await stage.step('an empty transactional id, with an id', {
        transactionalId: '',
        transactionTimeoutMs: 1,
        producerId: 5,
        producerEpoch: 1,
      });
    },
    [0, 5],
  ),
];
