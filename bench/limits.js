// How far one broker goes: many partitions, many segments, large segments, many consumers of old data. See docs/performance.md.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { coldLimits } from './limits/cold.js';
import { largeLimits } from './limits/large.js';
import { partitionLimits } from './limits/partitions.js';
import { beginTable } from './limits/report.js';
import { segmentLimits } from './limits/segments.js';

const USAGE = `node bench/limits.js [partitions] [segments] [large] [cold] [options]     (Linux; npm run build first; all of them without a name)
  --partitions N  10000
  --topics N      over so many topics (100)
  --rounds N      of loads that are compared (5)
  --segments N    10000
  --gib N         of data for large and cold (2.2)
  --consumers N   of old data (50)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    partitions: { type: 'string', default: '10000' },
    topics: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    segments: { type: 'string', default: '10000' },
    gib: { type: 'string', default: '2.2' },
    consumers: { type: 'string', default: '50' },
    help: { type: 'boolean' },
  },
});
/** @type {Record<string, () => Promise<void>>} */
const SECTIONS = {
  async partitions() {
    const options = { partitions: Number(values.partitions), topics: Number(values.topics), rounds: Number(values.rounds) };
    await partitionLimits(options, beginTable(`${options.partitions} partitions in ${options.topics} topics`));
  },
  async segments() {
    const options = { segments: Number(values.segments) };
    await segmentLimits(options, beginTable(`a topic of ${options.segments} segments`));
  },
  async large() {
    await largeLimits({ gib: Number(values.gib) }, beginTable('segments of 1 GiB'));
  },
  async cold() {
    const options = { consumers: Number(values.consumers), gib: Number(values.gib), rounds: Number(values.rounds) };
    await coldLimits(options, beginTable(`${options.consumers} consumers of old data`));
  },
};
const wanted = positionals.length > 0 ? positionals : Object.keys(SECTIONS);
if (values.help || wanted.some((name) => !SECTIONS[name])) {
  process.stderr.write(USAGE);
  process.exit(values.help ? 0 : 2);
}
for (const name of wanted) {
  process.stdout.write(`load average ${loadavg()[0].toFixed(1)}\n`);
  await SECTIONS[name]();
}
process.exit(0);
