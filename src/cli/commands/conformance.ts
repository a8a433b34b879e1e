import type { Command } from 'commander';
import type { ConformanceFlags } from '../conformance/command.ts';
import type { Context } from '../output.ts';
import { examples, parseCount, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';

/** More would be load, not a question. */
const MAX_AT_ONCE = 16;

export function addConformance(program: Command, context: Context): void {
  withClientOptions(program.command('conformance'))
    .summary('compare a broker with Apache Kafka, API by API')
    .description(
      'Play some hundred scenarios on a broker, whatever its make, and compare each field of its answers with what Apache Kafka answers.\n' +
        'Topics and groups have names of their own (conformance-...) and are deleted at the end.\n' +
        'In a pipe: API, key, version, status, steps, differences unexplained and known, parted by tabs.\n' +
        'The exit code is 0 when nothing differs, 1 when something does or it did not come to its end, 2 for a wrong command line.',
    )
    .option('--only <api[:versions],..>', 'some APIs or versions, as in Fetch,Produce:7,ListOffsets:1-3 (repeatable)', collect)
    .option('--against <version>', 'whose word counts where both recorded Apache Kafkas have a version: 4.4.0 or 3.9.1', '4.4.0')
    .option('--as <software>', 'minikafka: what it does otherwise on purpose counts as known', 'kafka')
    .option('--disturb', 'play also what changes things that others on the cluster see')
    .option('--verbose', 'show every difference, with the request and both responses')
    .option('--junit <file>', "write JUnit's XML, too")
    .option('--at-once <number>', 'scenarios in flight at once', parseCount(MAX_AT_ONCE), 4)
    .option('--scenario-timeout <duration>', 'how long one scenario may take', '60s')
    .option('--timeout <duration>', 'how long all may take', '30m')
    .addHelpText(
      'after',
      examples(
        'conformance --bootstrap-server localhost:9092',
        'conformance --only Fetch,Produce:7 --verbose',
        'conformance --as minikafka --junit conformance.xml',
      ),
    )
    .action(async (flags: ConformanceFlags) => {
      const [{ conformance }, { realFiles }] = await Promise.all([import('../conformance/command.ts'), import('../../core/real-files.ts')]);
      const own = { ...(await surroundings(context)), files: realFiles, signals: process, exitNow: () => process.exit(1) };
      await conformance(flags, own);
    });
}
