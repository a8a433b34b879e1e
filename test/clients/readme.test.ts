import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBrokerProcess } from '../support/broker-process.ts';
import { foreignBroker } from '../support/broker-under-test.ts';
import { type Program, startProgram } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(`${root}/README.md`, 'utf8');

/** The JavaScript of the README that has `part` in it. */
function script(part: string): string {
  const [only, ...others] = [...README.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!).filter((code) => code.includes(part));
  if (only === undefined || others.length > 0) throw new Error(`README.md has ${others.length + (only ? 1 : 0)} scripts with ${part}`);
  return only;
}

/** Runs it as a module in the project's folder, where its imports are found. */
function run(code: string): Program {
  return startProgram(process.execPath, ['--input-type=module', '--eval', code], { cwd: root });
}

test.skipIf(foreignBroker)('the kafkajs script of the README prints the three greetings', async () => {
  const broker = await startBrokerProcess();
  try {
    const program = run(script('new Kafka(').replace('localhost:9092', broker.bootstrap));
    expect(await program.ended()).toEqual({ code: 0, signal: null });
    const greetings = program.lines().map((line) => line.replace(/^[0-2]\/\d+ /, ''));
    expect(greetings.sort()).toEqual(['Ada: Hello, Ada!', 'Edsger: Hello, Edsger!', 'Grace: Hello, Grace!']);
  } finally {
    await broker.remove();
  }
});

test.skipIf(foreignBroker)('the embedded broker of the README starts and leaves nothing that keeps its process alive', async () => {
  const program = run(script('startBroker('));
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(program.lines()).toEqual([expect.stringMatching(/^localhost:\d+$/)]);
});
