import { DescribeCluster, InitProducerId } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterScenarios = [
  scenario(DescribeCluster, 'the cluster', async (stage) => {
    await stage.step('brokers', { includeClusterAuthorizedOperations: false, endpointType: BROKERS });
    await stage.step('with authorized operations', { includeClusterAuthorizedOperations: true });
    if (stage.version >= 1) {
      await stage.step('controllers, asked of a broker', { includeClusterAuthorizedOperations: false, endpointType: CONTROLLERS });
      await stage.step('an endpoint type that does not exist', { includeClusterAuthorizedOperations: false, endpointType: 9 });
    }
    if (stage.version >= 2)
      await stage.step('with fenced brokers', { includeClusterAuthorizedOperations: false, includeFencedBrokers: true });
  }),
];

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
      await stage.step('an empty transactional id', { transactionalId: '', transactionTimeoutMs: 60_000 });
      if (stage.version < 3) return;
      await stage.step('with the id and epoch it has', {
        ...fresh,
        producerId: first?.producerId ?? 0,
        producerEpoch: first?.producerEpoch ?? 0,
      });
      await stage.step('with an id and no epoch', { ...fresh, producerId: 5, producerEpoch: -1 });
      await stage.step('with an epoch and no id', { ...fresh, producerId: -1, producerEpoch: 5 });
    },
    [0, 5],
  ),

  scenario(
    InitProducerId,
    'with a transactional id',
    async (stage) => {
      await stage.step(
        'refused, for there are no transactions',
        { transactionalId: stage.name('t'), transactionTimeoutMs: 60_000 },
        ({ errorCode }) => ({
          // Apache Kafka's coordinator may still be loading when it is first asked.
          errorCode: errorCode === 14 || errorCode === 15 || errorCode === 16 || errorCode === 51 ? 0 : errorCode,
        }),
      );
    },
    [0, 5],
  ),
];
