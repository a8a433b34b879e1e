import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const cache = process.env.MINIKAFKA_CACHE ?? resolve(here, '../../.cache');
/** Everything that a client needs is fetched and compiled the first time. */
const BUILD_DEADLINE_MS = 600_000;

/** A Go program of this folder's module, built. @returns its path; null, said loudly, without Go; in CI an error */
export function goProgram(folder: string): string | null {
  if (isMissing('go', 'version', folder)) return null;
  const program = join(cache, 'go', folder);
  mkdirSync(join(cache, 'go'), { recursive: true });
  build('go', ['build', '-o', program, `./${folder}`], here);
  return program;
}

/** A Rust program of a folder of its own, built. @returns its path; null, said loudly, without cargo; in CI an error */
export function rustProgram(folder: string): string | null {
  if (isMissing('cargo', '--version', folder)) return null;
  const target = join(cache, 'rust', folder);
  build('cargo', ['build', '--quiet', '--locked', '--target-dir', target], join(here, folder));
  return join(target, 'debug', `${folder}-matrix`);
}

/** Of a library that go.mod requires. */
export function goVersion(library: string): string {
  return pinnedIn('go.mod', new RegExp(`^\\s*(?:require )?${library} v(\\S+)$`, 'm'));
}

/** Of a crate that Cargo.toml of a folder pins. */
export function crateVersion(folder: string, crate: string): string {
  return pinnedIn(join(folder, 'Cargo.toml'), new RegExp(`^${crate} = "=(\\S+)"$`, 'm'));
}

function pinnedIn(file: string, pattern: RegExp): string {
  const found = pattern.exec(readFileSync(join(here, file), 'utf8'));
  if (!found) throw new Error(`${pattern} is not in ${file}`);
  return found[1]!;
}

function isMissing(program: string, version: string, what: string): boolean {
  if (spawnSync(program, [version], { stdio: 'ignore' }).status === 0) return false;
  if (process.env.CI) throw new Error(`${program} not installed: ${what} can't be built`);
  console.error(`\nSKIPPED: everything with ${what}, for ${program} is not installed\n`);
  return true;
}

function build(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 2, 2], timeout: BUILD_DEADLINE_MS });
}
