import { ask } from '../../supervisor/control.ts';
import type { Context } from '../output.ts';
import { type ClusterFlags, existingDirectory, explained } from './flags.ts';

/** @throws CliError when no cluster runs there */
export async function stop(flags: ClusterFlags, { out }: Pick<Context, 'out'>): Promise<void> {
  const directory = existingDirectory(flags);
  try {
    const { brokers } = await ask(directory, { command: 'stop' });
    out.line(`Stopped ${brokers.length === 1 ? 'the broker' : `the ${brokers.length} brokers`} of ${directory}.`);
  } catch (error) {
    throw explained(error);
  }
}
