import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { buildBatch } from '../../src/protocol/records/build.ts';

// The real program, as `npm test` has built it.
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

test('a reader of a dump who has seen enough ends it quietly', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-dump-'));
  try {
    const batch = buildBatch({ records: Array.from({ length: 1000 }, () => ({ value: Buffer.alloc(100, 'v') })) });
    const path = join(folder, '00000000000000000000.log');
    writeFileSync(path, Buffer.concat(Array.from({ length: 200 }, () => batch)));
    const child = spawn(process.execPath, [CLI, 'log', 'dump', path, '--records'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text) => {
      err += text;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [exitCode] = await once(child, 'close');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
