import { test } from 'vitest';
import { ROUNDS, Scenario, stallText } from './scenario.ts';

/** Of a broker; Kafka's 9 s would only make the rounds longer. */
const LEASE_MS = 3_000;
/** Longer than that, so that the broker comes back as a leader that others have replaced. */
const PAUSE_MS = { least: LEASE_MS + 500, most: LEASE_MS + 3_000 };

test.skipIf(process.platform === 'win32')(
  `${ROUNDS} rounds of SIGSTOP beyond the lease, and SIGCONT: a leader that comes back acknowledges nothing that is lost`,
  async () => {
    const scenario = await Scenario.start({ config: { 'broker.session.timeout.ms': LEASE_MS } });
    const stalls: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await scenario.between(100, 600);
      scenario.probe.take();
      // The leader of the probe's partition every other time: a follower that sleeps only leaves the ISR.
      const leader = await scenario.cluster.waitForLeader('probe', 0);
      const broker = round % 2 === 1 ? scenario.cluster.broker(leader) : scenario.anyBroker();
      broker.pause();
      await scenario.between(PAUSE_MS.least, PAUSE_MS.most);
      broker.resume();
      await scenario.progress();
      const { ms } = scenario.probe.take();
      stalls.push(ms);
      await scenario.inSync();
      await scenario.checkAcknowledged();
      console.log(
        `round ${round}: broker ${broker.id} paused, stall ${Math.round(ms)} ms, ${scenario.loads.map(({ count }) => count)} records`,
      );
    }
    console.log(`SIGSTOP: ${stallText(stalls)}`);
    await scenario.finish();
  },
  120_000 + ROUNDS * 90_000,
);
