import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { startProgram } from '../support/program.ts';

const BIN = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

let folder = '';
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A checkout with these files in dist/, and what the program says there. */
async function runIn(dist: Readonly<Record<string, string>>): Promise<{ code: number | null; output: string }> {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  mkdirSync(join(folder, 'bin'));
  cpSync(BIN, join(folder, 'bin', 'minikafka.js'));
  if (Object.keys(dist).length > 0) mkdirSync(join(folder, 'dist', 'cli'), { recursive: true });
  for (const [name, text] of Object.entries(dist)) writeFileSync(join(folder, 'dist', 'cli', name), text);
  const program = startProgram(process.execPath, [join(folder, 'bin', 'minikafka.js')]);
  const { code } = await program.ended();
  return { code, output: program.output() };
}

test('in a checkout that was not built yet one line says what to do', async () => {
  expect(await runIn({})).toEqual({ code: 1, output: 'minikafka: not built yet: run npm run build\n' });
});

test('a build that lacks a file is a defect, and shown as one', async () => {
  const { code, output } = await runIn({ 'main.js': "import './gone.js';" });
  expect(code).toBe(1);
  expect(output).toMatch(/ERR_MODULE_NOT_FOUND[\s\S]*gone\.js/);
});

test('the exit code is that of the program', async () => {
  expect(await runIn({ 'main.js': 'console.log("here"); process.exitCode = 2;' })).toEqual({ code: 2, output: 'here\n' });
});
