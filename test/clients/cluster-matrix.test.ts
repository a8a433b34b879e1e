import { clusterUnderTest } from '../support/cluster-under-test.ts';
import { FEATURES_ON_THREE } from './matrix/features.ts';
import { matrixSuite } from './matrix/suite.ts';

const under = clusterUnderTest();
const brokers = {
  get bootstrap() {
    return under.cluster.bootstrapServers;
  },
};

matrixSuite({ brokers, features: FEATURES_ON_THREE, replicationFactor: 3, results: 'clients-on-three', where: ' on three brokers' });
