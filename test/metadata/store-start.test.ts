import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bundled } from '../support/bundled.ts';

const PROCESSES = 4;
const STORES = 150;

const said = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('message', resolve));

test('processes that make the same store at the same moment all open it', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const script = await bundled(new URL('./opens-store.ts', import.meta.url));
  const children = Array.from({ length: PROCESSES }, () => fork(script, { execArgv: [] }));
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  await Promise.all(children.map(said));
  for (let n = 0; n < STORES; n++) {
    const answers = children.map(said);
    for (const child of children) child.send(join(folder, `${n}.db`));
    expect(await Promise.all(answers)).toEqual(children.map(() => 'opened'));
  }
});
