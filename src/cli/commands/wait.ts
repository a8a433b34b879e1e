import type { Command } from 'commander';
import type { Context } from '../output.ts';
import type { WaitFlags } from '../wait-command.ts';
import { examples, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';

export function addWait(program: Command, context: Context): void {
  withClientOptions(program.command('wait'))
    .summary('wait until a broker is ready')
    .description(
      'Wait until a broker answers, and topics exist with a leader for each partition; for scripts and CI. No topic is created by it.\n' +
        'The exit code is 0 when all is ready, and 1 at the timeout, with a line that says what was missing.',
    )
    .option('--timeout <duration>', 'how long to wait, as in 500ms, 30s or 2m', '30s')
    .option('--topic <name[:partitions]>', 'a topic that must be there, with so many partitions at least (repeatable)', collect)
    .addHelpText('after', examples('wait', 'wait --timeout 2m --topic orders --topic users:3'))
    .action(async (flags: WaitFlags) => (await import('../wait-command.ts')).wait(flags, await surroundings(context)));
}
