import { startProgram } from '../../support/program.ts';
import type { Feature } from './features.ts';

/**
 * A client of the matrix: its name and version, and how its program is started.
 *
 * The program gets four arguments: BOOTSTRAP (of one broker or of several, with commas), PREFIX, SHARED, and FEATURES, the ids of those to
 * try, with commas. It prints JSON, one object a line:
 *   {"client": "kafkajs", "version": "2.2.4"}             first; the version is the library's own word; a "note" may say what is in it
 *   {"feature": "headers", "ok": true}                    for each of the features, in any order: tried, and read back
 *   {"feature": "headers", "ok": false, "detail": "…"}    tried, and failed
 *   {"feature": "headers", "ok": null, "detail": "…"}     not in this client; the detail says why
 * A "note" goes into docs/compatibility.md, whatever the result: "with a plug-in", say.
 *
 * Topics: PREFIX-ID is there for each feature that has partitions in features.json, as are PREFIX-codecs and PREFIX-transformed, into which
 * the records of PREFIX-transaction-offsets go. The program names what it makes itself PREFIX-anything, its groups and transactional ids too.
 * SHARED was written by kafkajs: its partitions hold plain, gzip, snappy, lz4 and zstd batches of matrixRecords(); SHARED-transactions
 * likewise: transactionRecords() of every transaction.
 */
export interface MatrixClient {
  readonly name: string;
  /** The pinned one. The program's word must agree. */
  readonly version: string;
  readonly language: string;
  /** Command line without the arguments; null, said loudly, without its toolchain; in CI an error. */
  readonly command: readonly string[] | null;
  readonly env?: Readonly<Record<string, string>>;
}

export interface FeatureResult {
  /** null: not in this client. */
  readonly ok: boolean | null;
  readonly detail?: string;
  readonly note?: string;
}

export interface ClientResult {
  /** Its own word; null when it said nothing. */
  readonly version: string | null;
  readonly note?: string;
  /** By feature. */
  readonly features: ReadonlyMap<string, FeatureResult>;
  /** Why the program did not come to its end, with its output; null: it did. */
  readonly failure: string | null;
}

/** Of a program that takes 15 s at the most, on a machine that has much else to do. */
const DEADLINE_MS = 75_000;

export interface ProgramArguments {
  readonly bootstrap: string;
  readonly prefix: string;
  readonly shared: string;
  readonly features: readonly Feature[];
}

/** Runs the program of a client to its end. Never throws. */
export async function runMatrixProgram(
  { name, command, env = {} }: MatrixClient,
  { bootstrap, prefix, shared, features: wanted }: ProgramArguments,
): Promise<ClientResult> {
  const [executable, ...rest] = command!;
  const program = startProgram(executable!, [...rest, bootstrap, prefix, shared, wanted.map(({ id }) => id).join()], { env });
  const ended = await program.ended(DEADLINE_MS).catch((error: Error) => error);
  program.signal('SIGKILL');
  const said = program.lines().flatMap(parsed);
  const greeting = said.find(({ client }) => client === name);
  const features = new Map(
    said.flatMap(({ feature, ok, detail, note }) => (feature && ok !== undefined ? [[feature, { ok, detail, note }]] : [])),
  );
  const unknown = [...features.keys()].filter((feature) => wanted.every(({ id }) => id !== feature));
  let failure: string | null = null;
  if (ended instanceof Error) failure = ended.message;
  else if (ended.code !== 0) failure = `it ended with ${ended.code ?? ended.signal}`;
  else if (unknown.length > 0) failure = `it tried something unknown: ${unknown}`;
  if (failure !== null) failure += `; the end of its output:\n${program.output().slice(-4000)}`;
  return { version: greeting?.version ?? null, note: greeting?.note, features, failure };
}

function parsed(line: string): Said[] {
  try {
    return line.startsWith('{') ? [JSON.parse(line) as Said] : [];
  } catch {
    return []; // a client's own chatter
  }
}

interface Said extends Partial<FeatureResult> {
  readonly client?: string;
  readonly version?: string;
  readonly feature?: string;
}
