import { parseArgs } from 'node:util';
import { type SafetyRule, safetyRules } from '../../src/core/safety-rules.ts';
import { ALL_FAULTS, type FaultName } from './faults.ts';
import { minimise } from './minimise.ts';
import { catchRules } from './rules.ts';
import { type RunOptions, type RunResult, run, type Shape } from './run.ts';

/** What the command line says of every run. */
type Given = Pick<RunOptions, 'shape' | 'kinds' | 'transactions'>;

const USAGE = `npm run simulate -- [options]

  --seeds N        how many seeds, one after the other (default 100)
  --seed S         the first one (default: random)
  --trace          print the trace of every event to stdout, and nothing else
  --without RULE   take a rule out of the broker (src/core/safety-rules.ts); several with commas
  --rules          take out every rule in turn, until a seed fails: which seed sees what (with --without: those rules alone)
  --minimise       leave out faults, one by one, for as long as the run fails in the same way
  --keep-going     do not stop at the first seed that fails
  --faults A,B,..  these kinds of faults alone (docs/simulation.md)
  --transactions   transactions in every seed, not only in those that choose them
  --shape B,R,M,P  brokers, replication factor, min.insync.replicas, partitions, in place of the seed's own
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      without: { type: 'string' },
      rules: { type: 'boolean', default: false },
      minimise: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      shape: { type: 'string' },
      transactions: { type: 'boolean', default: false },
      faults: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const seeds = positive('--seeds', values.seeds);
  // Brokers refuse a lot, and where each refusal comes from costs a tenth of the time; a seed that is played alone tells.
  if (seeds > 1) Error.stackTraceLimit = 0;
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : positive('--seed', values.seed);
  const given = {
    ...(values.transactions && { transactions: true }),
    ...(values.shape !== undefined && { shape: shapeFrom(values.shape) }),
    ...(values.faults !== undefined && { kinds: values.faults.split(',').map(faultNamed) }),
  };
  const rules = (values.without?.split(',') ?? []).map(ruleNamed);
  if (values.rules) return showRules(rules.length > 0 ? rules : (Object.keys(safetyRules) as SafetyRule[]), first, seeds, given);
  for (const rule of rules) safetyRules[rule] = false;
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const print = (line: string) => void (values.trace ? process.stderr : process.stdout).write(`${line}\n`);
  const totals = new Map<string, number>();
  let failed = 0;
  let done = 0;
  const began = process.hrtime.bigint();
  let slowest = { seed: -1, ms: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const started = process.hrtime.bigint();
    const result = await run({ seed, ...given, ...(values.trace && { sink: writeTrace }) });
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    if (ms > slowest.ms) slowest = { seed, ms };
    done++;
    for (const [name, n] of Object.entries(result.counts)) totals.set(name, (totals.get(name) ?? 0) + n);
    if (!result.failure) continue;
    failed++;
    report(result, print);
    if (values.minimise) await reportMinimised(result, given, print);
    if (!values['keep-going']) break;
  }
  if (values.trace) flushTrace();
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  print(`seeds ${first} to ${first + done - 1}: ${done - failed} passed, ${failed} failed`);
  print([...totals].map(([name, n]) => `${name} ${n}`).join(', '));
  say(
    `${seconds.toFixed(1)} s, ${(seconds / done).toFixed(2)} s a seed, at most ${(slowest.ms / 1000).toFixed(2)} s (seed ${slowest.seed})`,
  );
  return failed > 0 ? 1 : 0;
}

function report({ seed, failure, transcript, shape }: RunResult, print: (line: string) => void): void {
  print(`seed ${seed} FAILED (${JSON.stringify(shape)})`);
  print(transcript);
  print(`${failure!.kind}: ${failure!.text}`);
  print(`again: npm run simulate -- --seeds 1 --seed ${seed}`);
}

async function reportMinimised(result: RunResult, given: Given, print: (line: string) => void): Promise<void> {
  const smallest = await minimise(result, (faults) => run({ seed: result.seed, ...given, faults }));
  print(`\nwith ${smallest.faults.length} of ${result.faults.length} faults:`);
  print(smallest.transcript);
  print(`${smallest.failure!.kind}: ${smallest.failure!.text}`);
}

/** Lines are gathered: a write for each would take longer than the run. */
let pending: string[] = [];
function writeTrace(line: string): void {
  pending.push(line);
  if (pending.length >= 10_000) flushTrace();
}
function flushTrace(): void {
  if (pending.length > 0) process.stdout.write(`${pending.join('\n')}\n`);
  pending = [];
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${option} takes a whole number, not ${text}`);
  return value;
}

function shapeFrom(text: string): Shape {
  const [brokers, replicationFactor, minIsr, partitions] = text.split(',').map(Number);
  return { brokers: brokers!, replicationFactor: replicationFactor!, minIsr: minIsr!, partitions: partitions!, calm: false };
}

function faultNamed(name: string): FaultName {
  if (!Object.hasOwn(ALL_FAULTS, name)) throw new Error(`no fault ${name}; there are ${Object.keys(ALL_FAULTS).join(', ')}`);
  return name as FaultName;
}

function ruleNamed(rule: string): SafetyRule {
  if (!Object.hasOwn(safetyRules, rule)) throw new Error(`no rule ${rule}; there are ${Object.keys(safetyRules).join(', ')}`);
  return rule as SafetyRule;
}

/** One line for each rule that was caught: the rule, the seed, what was seen. */
async function showRules(rules: readonly SafetyRule[], first: number, seeds: number, given: Given): Promise<number> {
  const range = Array.from({ length: seeds }, (_, i) => first + i);
  const left = new Set(rules);
  let unsound = 0;
  for await (const { rule, result } of catchRules(rules, range, given)) {
    if (rule === null) process.stderr.write(`seed ${result.seed}, rules left ${left.size}\n`);
    if (rule === null && !result.failure) continue;
    if (rule === null) unsound++;
    else left.delete(rule);
    process.stdout.write(`${rule ?? 'NO RULE TAKEN OUT'}\t${result.seed}\t${result.failure!.text.split('\n')[0]}\n`);
  }
  for (const rule of left) process.stdout.write(`${rule}\tnot caught\n`);
  return unsound > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 2;
}
