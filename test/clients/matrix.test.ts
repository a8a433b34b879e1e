import { brokerUnderTest } from '../support/broker-under-test.ts';
import { FEATURES } from './matrix/features.ts';
import { matrixSuite } from './matrix/suite.ts';

matrixSuite({ brokers: brokerUnderTest(), features: FEATURES, replicationFactor: 1, results: 'clients', where: '' });
