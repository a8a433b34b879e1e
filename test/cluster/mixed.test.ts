import { test } from 'vitest';
import type { TestBroker } from '../../src/testing.ts';
import { ROUNDS, Scenario } from './scenario.ts';

const CONFIG = { 'broker.session.timeout.ms': 3_000, 'replica.lag.time.max.ms': 1_500 };

/** One thing that happens to a broker, and what mends it. */
interface Fault {
  readonly name: string;
  readonly begin: () => Promise<void> | void;
  readonly end: () => Promise<void> | void;
}

function faultOf(scenario: Scenario, broker: TestBroker): Fault {
  const dice = scenario.random();
  const others = scenario.cluster.brokers.filter(({ id }) => id !== broker.id);
  const other = others[Math.floor(scenario.random() * others.length)]!;
  if (dice < 0.45) return { name: `kill ${broker.id}`, begin: () => broker.kill(), end: () => broker.start() };
  if (dice < 0.6) {
    // Killed while it recovers, too.
    const restart = async () => {
      const starting = broker.start().catch(() => {});
      await scenario.between(0, 300);
      await broker.kill();
      await starting;
      await broker.start();
    };
    return { name: `kill ${broker.id} twice`, begin: () => broker.kill(), end: restart };
  }
  if (dice < 0.75 && process.platform !== 'win32') {
    return { name: `pause ${broker.id}`, begin: () => broker.pause(), end: () => broker.resume() };
  }
  if (dice < 0.9) {
    return { name: `cut ${broker.id} from ${other.id}`, begin: () => broker.cutFrom(other.id), end: () => broker.heal(other.id) };
  }
  return { name: `stop ${broker.id}`, begin: () => broker.stop(), end: () => broker.start() };
}

test(
  `${ROUNDS} rounds of several faults at once: nothing acknowledged is lost, and all is available again afterwards`,
  async () => {
    const scenario = await Scenario.start({ cuttable: 'brokers', config: CONFIG, recordsPerSecond: 2_000 });
    for (let round = 1; round <= ROUNDS; round++) {
      await scenario.between(100, 600);
      const shuffled = [...scenario.cluster.brokers].sort(() => scenario.random() - 0.5);
      const faults = shuffled.slice(0, 1 + Math.floor(scenario.random() * 3)).map((broker) => faultOf(scenario, broker));
      for (const { begin } of faults) {
        await begin();
        await scenario.between(0, 400);
      }
      await scenario.between(0, 4_500);
      if (scenario.random() < 0.5) faults.reverse();
      for (const { end } of faults) {
        await end();
        await scenario.between(0, 300);
      }
      await scenario.progress(60_000);
      await scenario.checkAcknowledged();
      await scenario.inSync();
      const names = faults.map(({ name }) => name).join(', ');
      console.log(
        `round ${round}: ${names}; stall ${Math.round(scenario.probe.take().ms)} ms, ${scenario.loads.map(({ count }) => count)} records`,
      );
    }
    await scenario.finish();
  },
  120_000 + ROUNDS * 90_000,
);
