import { Machine, type World } from './machine.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { SimulatedStore } from './store.ts';
import { Trace } from './trace.ts';

async function once(seed: number, n: number) {
  const scheduler = new Scheduler();
  const random = new Random(seed);
  const lines: string[] = [];
  const trace = new Trace(() => scheduler.now, (l) => void lines.push(l));
  const worlds: World[] = [];
  const network = new Network(scheduler, random.fork('network'));
  for (let i = 1; i <= n; i++) {
    const store = new SimulatedStore(scheduler, random.fork('store'));
    const world: World = { scheduler, network, store, random, trace, configs: {} };
    worlds.push(world);
    new Machine(i, world).start();
  }
  await scheduler.run(60_000, (p, l) => trace.event(p.name, l), () => true);
  console.error('steps', scheduler.steps, trace.digest());
  return lines.join('\n');
}
const a = await once(1, 3);
const t = Date.now();
const b = await once(1, 3);
console.error(a === b, Date.now() - t);
console.log(a.slice(0, 5000));
