import { test } from 'vitest';
import { judgeStalls, ROUNDS, Scenario } from './scenario.ts';

/** Issue 6: what a probe that retries every 10 ms may see. */
const LONGEST_STALL_MS = 500;
const LONGEST_SHUTDOWN_STALL_MS = 100;

test(
  `${ROUNDS} rounds of kill -9 of a broker and its restart under load: all that was acknowledged is there, in order`,
  async () => {
    const scenario = await Scenario.start();
    const stalls: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await scenario.between(100, 600);
      scenario.probe.take();
      const broker = scenario.anyBroker();
      await broker.kill();
      await scenario.between(200, 1_500);
      await scenario.progress();
      await broker.start();
      await scenario.progress();
      const { ms } = scenario.probe.take();
      stalls.push(ms);
      await scenario.checkAcknowledged();
      await scenario.inSync();
      console.log(
        `round ${round}: broker ${broker.id} killed, stall ${Math.round(ms)} ms, ${scenario.loads.map(({ count }) => count)} records`,
      );
    }
    await scenario.finish();
    judgeStalls('kill -9', stalls, scenario.probe, LONGEST_STALL_MS);
  },
  120_000 + ROUNDS * 60_000,
);

test(
  `${ROUNDS} controlled shutdowns under load move the leaders first`,
  async () => {
    const scenario = await Scenario.start();
    const stalls: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      scenario.probe.take();
      const broker = scenario.anyBroker();
      await broker.stop();
      await scenario.progress();
      const { ms } = scenario.probe.take();
      stalls.push(ms);
      await broker.start();
      await scenario.inSync();
      console.log(`round ${round}: broker ${broker.id} stopped, stall ${Math.round(ms)} ms`);
    }
    await scenario.finish();
    judgeStalls('controlled shutdown', stalls, scenario.probe, LONGEST_SHUTDOWN_STALL_MS);
  },
  120_000 + ROUNDS * 60_000,
);
