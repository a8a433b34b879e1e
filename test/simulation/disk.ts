import { join } from 'node:path';
import type { Files } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { failingFiles } from './failing-files.ts';
import type { Random } from './random.ts';
import type { Process, Scheduler } from './scheduler.ts';

export const DATA_DIR = '/data';
/** Where a broker has two directories: the second, which may fail by itself. */
export const SECOND_DIR = '/more';

/** Below the least replica.lag.time.max.ms: else a follower would not be in sync at the end. */
const LONGEST_MS = 400;
const QUICK_MS = [0.05, 0.8] as const;

/** The disk of one machine: outlives its processes, may fail, lose what was not synced, come back empty, or as an older copy of itself. */
export class Disk {
  /** What lies on it, whether it can be read or not. */
  files: MemoryFiles;
  /** It answers with errors, until it is repaired. */
  failed: 'none' | 'second' | 'all' = 'none';
  /** What the directory held when a copy of it was taken. */
  private copy: ReadonlyMap<string, Buffer | null> | null = null;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private user: Process;
  /** Ms that a write, read, or sync takes in the thread pool; seldom a hundred times as much. */
  private readonly operationMs: readonly [number, number];

  /** @param calm it is quick */
  constructor(scheduler: Scheduler, random: Random, calm: boolean) {
    this.scheduler = scheduler;
    this.random = random;
    this.user = scheduler.world;
    this.operationMs = calm ? QUICK_MS : random.pick([QUICK_MS, QUICK_MS, [1, 40]] as const);
    this.files = this.empty();
  }

  /** A new process uses it: what the one before had under way in the thread pool ends with it. */
  usedBy(process: Process): void {
    this.user = process;
  }

  /** As its processes see it. */
  get visible(): Files {
    return failingFiles({ isFailed: (path) => this.isFailed(path), inner: this.files, soon: (fire) => this.soon(fire) });
  }

  kill(): void {
    this.files.kill();
  }

  /** The second directory is that of another disk, new and empty. */
  replaceSecond(): void {
    this.files.kill();
    this.files.remove(SECOND_DIR);
    this.files.syncDirectory('/');
  }

  private isFailed(path: string): boolean {
    return this.failed === 'all' || (this.failed === 'second' && path.startsWith(SECOND_DIR));
  }

  /** Power is lost. */
  crash(): void {
    this.files.crash(this.random.chance(0.5) ? () => this.random.unit() : undefined, { torn: this.random.chance(0.5) });
  }

  replaceWithEmpty(): void {
    this.files.kill();
    this.files = this.empty();
  }

  takeCopy(): void {
    const copy = new Map<string, Buffer | null>();
    const walk = (path: string) => {
      for (const name of this.files.list(path)) {
        const inner = join(path, name);
        if (this.files.isDirectory(inner)) {
          copy.set(inner, null);
          walk(inner);
        } else copy.set(inner, this.files.read(inner));
      }
    };
    for (const root of [DATA_DIR, SECOND_DIR]) {
      if (this.files.exists(root)) copy.set(root, null);
      walk(root);
    }
    this.copy = copy;
  }

  get hasCopy(): boolean {
    return this.copy !== null;
  }

  replaceWithCopy(): void {
    this.files.kill();
    this.files = this.empty();
    const { files } = this;
    const folders = ['/'];
    for (const [path, content] of this.copy!) {
      if (content) {
        const handle = files.open(path, 'rw');
        handle.writeSync([content], 0);
        handle.syncSync();
        handle.close();
      } else {
        files.makeDirectory(path);
        folders.push(path);
      }
    }
    for (const path of folders) files.syncDirectory(path);
    this.copy = null;
  }

  private empty(): MemoryFiles {
    return memoryFiles({ clock: { soon: (fire) => this.soon(fire) } });
  }

  private soon(fire: () => void): void {
    const usual = this.random.between(...this.operationMs);
    const ms = this.random.chance(0.005) ? Math.min(usual * 100, LONGEST_MS) : usual;
    this.scheduler.after(this.user, ms, 'disk', fire);
  }
}
