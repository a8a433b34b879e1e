import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type BrokerProcess, type BrokerProcessOptions, startBrokerProcess } from './broker-process.ts';

/** The broker that the tests of one file talk to. */
export interface BrokerUnderTest {
  /** host:port; known once the tests run. */
  readonly bootstrap: string;
  /** For what only a broker of our own allows: stop, kill, start again. */
  readonly process: BrokerProcess;
}

const foreign = process.env.MINIKAFKA_TEST_BOOTSTRAP;

/** Whether MINIKAFKA_TEST_BOOTSTRAP names a broker that runs already, Apache Kafka say: then tests that restart theirs are left out. */
export const foreignBroker = foreign !== undefined && foreign !== '';

/** One broker for all tests of this file: minikafka in a process of its own, or the foreign one. A failed test keeps the data. */
export function brokerUnderTest(options: BrokerProcessOptions = {}): BrokerUnderTest {
  let broker: BrokerProcess | null = null;
  let failed = false;
  const started = () => {
    if (!broker) throw new Error('there is no broker process of our own');
    return broker;
  };
  if (!foreignBroker) {
    beforeAll(async () => {
      broker = await startBrokerProcess(options);
    });
    beforeEach(({ onTestFailed }) => {
      onTestFailed(() => {
        failed = true;
      });
    });
    afterAll(async () => {
      if (!broker) return;
      if (!failed) return broker.remove();
      console.error(`The broker's data is kept in ${broker.data}. Its last output:\n${broker.output().slice(-4000)}`);
      await broker.kill().catch(() => {}); // it may be dead already
    });
  }
  return {
    get bootstrap() {
      return foreign || started().bootstrap;
    },
    get process() {
      return started();
    },
  };
}

let names = 0;

/** A name that no other run has used, for topics and groups: a foreign broker outlives the run. */
export function unique(name: string): string {
  names += 1;
  return `${name}-${process.pid.toString(36)}-${Date.now().toString(36)}-${names}`;
}
