import { startProgram } from '../../support/program.ts';
import { FEATURES } from './features.ts';

/**
 * A client of the matrix: its name and version, and how its program is started.
 *
 * The program gets three arguments: BOOTSTRAP PREFIX SHARED. It prints JSON, one object a line:
 *   {"client": "kafkajs", "version": "2.2.4"}             first; the version is the library's own word; a "note" may say what is in it
 *   {"feature": "headers", "ok": true}                    for each feature of features.json, in any order: tried, and read back
 *   {"feature": "headers", "ok": false, "detail": "…"}    tried, and failed
 *   {"feature": "headers", "ok": null, "detail": "…"}     not in this client; the detail says why
 * A "note" goes into docs/compatibility.md, whatever the result: "with a plug-in", say.
 *
 * Topics: PREFIX-ID is there for each feature that has partitions in features.json, as is PREFIX-codecs. The program names what it makes
 * itself PREFIX-anything, its groups too. SHARED was written by kafkajs: its partitions hold plain, gzip, snappy, lz4 and zstd batches of
 * matrixRecords().
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
  readonly version: string;
  readonly note?: string;
  /** By feature. */
  readonly features: ReadonlyMap<string, FeatureResult>;
}

const DEADLINE_MS = 90_000;

/** Runs the program of a client to its end. @throws with its output, when it fails as a whole, or says nothing or something else about a feature */
export async function runMatrixProgram(
  { name, command, env = {} }: MatrixClient,
  bootstrap: string,
  prefix: string,
  shared: string,
): Promise<ClientResult> {
  const [executable, ...rest] = command!;
  const program = startProgram(executable!, [...rest, bootstrap, prefix, shared], { env });
  const end = await program.ended(DEADLINE_MS).finally(() => program.signal('SIGKILL'));
  const failed = (why: string) => new Error(`the program of ${name} ${why}; its output:\n${program.output().slice(-6000)}`);
  if (end.code !== 0) throw failed(`ended with ${end.code ?? end.signal}`);
  const said = program.lines().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Said] : []));
  const greeting = said.find(({ client }) => client !== undefined);
  if (greeting?.client !== name || greeting.version === undefined) throw failed('did not say who it is');
  const features = new Map<string, FeatureResult>();
  for (const { feature, ok, detail, note } of said) {
    if (feature === undefined) continue;
    if (!FEATURES.some(({ id }) => id === feature) || ok === undefined) throw failed(`tried something unknown: ${feature}`);
    features.set(feature, { ok, detail, note });
  }
  return { version: greeting.version, note: greeting.note, features };
}

interface Said extends Partial<FeatureResult> {
  readonly client?: string;
  readonly version?: string;
  readonly feature?: string;
}
