import { test } from 'vitest';
import { ROUNDS, Scenario, stallText } from './scenario.ts';

test(
  `${ROUNDS} rounds of links that are cut between brokers and mended: nothing acknowledged is lost, and all replicas agree afterwards`,
  async () => {
    // A follower that is cut off leaves the ISR after this time; Kafka's 30 s would only make the rounds longer.
    const scenario = await Scenario.start({ cuttable: 'brokers', config: { 'replica.lag.time.max.ms': 1_500 }, recordsPerSecond: 2_000 });
    const { cluster } = scenario;
    const stalls: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await scenario.between(100, 600);
      scenario.probe.take();
      const broker = scenario.anyBroker();
      const others = cluster.brokers.filter(({ id }) => id !== broker.id);
      const from = scenario.random() < 0.5 ? others : [others[Math.floor(scenario.random() * others.length)]!];
      const how = scenario.random() < 0.7 ? 'silent' : 'reset';
      for (const { id } of from) broker.cutFrom(id, how);
      await scenario.between(500, 5_000);
      broker.heal();
      await scenario.progress();
      const { ms } = scenario.probe.take();
      stalls.push(ms);
      await scenario.inSync();
      await scenario.checkAcknowledged();
      const names = from.map(({ id }) => id).join(' and ');
      console.log(`round ${round}: broker ${broker.id} cut off from ${names} (${how}), stall ${Math.round(ms)} ms`);
    }
    console.log(`cut links: ${stallText(stalls)}`);
    await scenario.finish();
  },
  120_000 + ROUNDS * 60_000,
);
