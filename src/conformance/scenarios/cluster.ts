import { DescribeCluster } from '../../protocol/messages/index.ts';
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
