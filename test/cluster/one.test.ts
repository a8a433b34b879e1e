import { expect, test } from 'vitest';
import { Scenario } from './scenario.ts';

test('a cluster of one broker that is killed three times under load has all that it acknowledged', { timeout: 120_000 }, async () => {
  const scenario = await Scenario.start({ brokers: 1 });
  const broker = scenario.cluster.broker(1);
  for (let round = 1; round <= 3; round++) {
    await scenario.between(200, 800);
    await broker.kill();
    expect(broker.running).toBe(false);
    await broker.start();
    await scenario.progress();
    await scenario.checkAcknowledged();
  }
  await scenario.finish();
});
