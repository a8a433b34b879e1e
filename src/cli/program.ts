import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts'; // not config.ts, whose tables only start needs
import { addCluster } from './commands/cluster.ts';
import { addConfigs } from './commands/configs.ts';
import { addConformance } from './commands/conformance.ts';
import { addConsume } from './commands/consume.ts';
import { addGroups } from './commands/groups.ts';
import { addLog } from './commands/log.ts';
import { addProduce } from './commands/produce.ts';
import { addStart } from './commands/start.ts';
import { addTopics } from './commands/topics.ts';
import { addTransactions } from './commands/transactions.ts';
import { addWait } from './commands/wait.ts';
import { CliError, messageOf } from './errors.ts';
import { bold, type Context, red } from './output.ts';
import { version } from './version.ts';

export type ExitCode = 0 | 1 | 2;

const DESCRIPTION = 'A Kafka broker that starts in a blink.';
const EXAMPLES = `
Examples:
  minikafka start
  minikafka topics create test --partitions 2
  minikafka topics list`;

/**
 * Runs one command line and tells its exit code: 0, 1 when it could not be done, 2 when the command line or a config is wrong.
 * @param args without the program's own name
 */
export async function run(args: readonly string[], context: Context): Promise<ExitCode> {
  const program = createProgram(context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error, context, commandOf(program, args));
  }
}

function createProgram(context: Context): Command {
  const { out, err } = context;
  const program = new Command('minikafka')
    .description(DESCRIPTION)
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureHelp({ styleTitle: (title) => bold(title, out) })
    .configureOutput({
      writeOut: (text) => out.text(text),
      writeErr: (text) => err.text(text),
      outputError: () => {}, // `report` prints it, on one line
      getOutHelpWidth: () => out.columns ?? 100,
      getErrHelpWidth: () => err.columns ?? 100,
      getOutHasColors: () => out.hasColors,
      getErrHasColors: () => err.hasColors,
    });
  addStart(program, context);
  addCluster(program, context);
  addTopics(program, context);
  addConfigs(program, context);
  addGroups(program, context);
  addTransactions(program, context);
  addWait(program, context);
  addConformance(program, context);
  addLog(program, context);
  addProduce(program, context);
  addConsume(program, context);
  return program;
}

function report(error: unknown, { err }: Context, command: string): ExitCode {
  const prefix = red('minikafka:', err);
  if (error instanceof CommanderError) {
    const isHelp = error.code === 'commander.help' || error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    if (isHelp) return error.exitCode === 0 ? 0 : 2; // help that nobody asked for: a command is missing
    err.line(`${prefix} ${oneLine(error)}; see "${command} --help"`);
    return 2;
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) err.line(`${prefix} ${problem}`);
    return 2;
  }
  const isDefect = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  err.line(`${prefix} ${isDefect ? error.stack : messageOf(error)}`);
  return error instanceof CliError ? error.exitCode : 1;
}

function oneLine(error: CommanderError): string {
  return error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean /, ' (did you mean ')
    .replace(/\.$/, '')
    .replaceAll('\n', ' ');
}

/** The command that the arguments name, as one writes it: `minikafka topics create`. */
function commandOf(program: Command, args: readonly string[]): string {
  let command = program;
  const names = [program.name()];
  for (const arg of args) {
    const next = command.commands.find((each) => each.name() === arg);
    if (!next) break;
    command = next;
    names.push(arg);
  }
  return names.join(' ');
}
