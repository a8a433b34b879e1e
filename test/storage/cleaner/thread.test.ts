import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { cleanerBundle, type ModuleFormat } from '../../support/cleaner-bundle.ts';

/** 1000000: the long form, which holds the loop's longest stall to its limit too. */
const RECORDS = Number(process.env.COMPACTION_RECORDS ?? 20_000);
const KEYS = RECORDS / 100;
const LONG = RECORDS >= 1_000_000;
const MAX_STALL_MS = 20;
const DEADLINE_MS = 240_000;

const bundles = new Map<ModuleFormat, ReturnType<typeof cleanerBundle>>();
const bundleOf = (format: ModuleFormat) => bundles.get(format) ?? bundles.set(format, cleanerBundle(format)).get(format)!;
afterAll(async () => {
  for (const bundle of bundles.values()) rmSync((await bundle).folder, { recursive: true, force: true });
});

interface Report {
  readonly appended: number;
  readonly keys: number;
  readonly wrong: number;
  readonly error: string | null;
  /** How many more of the process there were when the compaction was done. */
  readonly threads: number;
  readonly result: { messagesBefore: number; messagesAfter: number };
  readonly alone: Feels;
  readonly compacting: Feels;
  readonly after: Feels;
}
interface Feels {
  readonly stallMs: number;
  readonly lateMs: number;
  readonly p99: number;
}

async function run(program: string, records = RECORDS): Promise<{ report: Report; stderr: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-compaction-'));
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, folder, `${records}`, `${KEYS}`], {
      timeout: DEADLINE_MS,
    });
    return { report: JSON.parse(stdout), stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the thread that compacts', { timeout: DEADLINE_MS + 10_000 }, () => {
  test.each(['esm', 'cjs'] as const)(
    'leaves the last record of each key while the log is written and read: a bundle of %s',
    async (format) => {
      const { report, stderr } = await run((await bundleOf(format)).program);
      expect(stderr).toBe('');
      expect(report).toMatchObject({ keys: KEYS, wrong: 0, error: null, threads: process.platform === 'linux' ? 1 : 0 });
      expect(report.result.messagesAfter).toBe(KEYS);
      if (!LONG) return;
      console.log(JSON.stringify(report));
      expect(report.compacting.stallMs).toBeLessThan(MAX_STALL_MS);
    },
  );

  test('is done without where it cannot be started, and that is said once', async () => {
    const { folder, program, thread } = await cleanerBundle('esm');
    writeFileSync(thread, 'this is no program');
    const { report, stderr } = await run(program, 5_000);
    rmSync(folder, { recursive: true });
    expect(report).toMatchObject({ keys: KEYS, wrong: 0, error: null, threads: 0 });
    expect(report.result.messagesAfter).toBe(KEYS);
    expect(stderr.match(/the thread for it could not be started/g)).toHaveLength(1);
  });

  test('takes its compaction with it when it dies, and nothing else', async () => {
    const { folder, program, thread } = await cleanerBundle('esm');
    writeFileSync(
      thread,
      `import { parentPort } from 'node:worker_threads';
      parentPort.postMessage({ ready: true });
      parentPort.on('message', ({ kind, id }) => {
        if (kind === 'sync') parentPort.postMessage({ id, event: null });
        if (kind === 'next') process.exit(3);
      });`,
    );
    const { report } = await run(program, 5_000);
    rmSync(folder, { recursive: true });
    expect(report.error).toContain('KAFKA_STORAGE_ERROR');
    expect(report).toMatchObject({ keys: KEYS, wrong: 0 });
  });
});
