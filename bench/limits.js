// How far one broker goes: many partitions, many segments, large segments, many consumers of old data. See docs/performance.md.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { partitionLimits } from './limits/partitions.js';
import { printTable } from './limits/report.js';

const USAGE = `node bench/limits.js [partitions] [options]     (Linux; npm run build first)
  --partitions N  10000
  --topics N      over so many topics (100)
  --rounds N      of loads that are compared (9)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    partitions: { type: 'string', default: '10000' },
    topics: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '9' },
    help: { type: 'boolean' },
  },
});
/** @type {Record<string, () => Promise<void>>} */
const SECTIONS = {
  async partitions() {
    const options = { partitions: Number(values.partitions), topics: Number(values.topics), rounds: Number(values.rounds) };
    printTable(`${options.partitions} partitions in ${options.topics} topics`, await partitionLimits(options));
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
