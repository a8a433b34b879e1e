import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { judgeStalls, ROUNDS, Scenario } from './scenario.ts';

// Disks that fail, and disks that are full, under brokers that go on. It takes a user who may mount.

const TIMEOUT_MS = 300_000;
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });

/** A file system of its own in a file: it can be made to answer with EIO, as after a fault of its device, and be mounted again. */
class LoopDisk {
  readonly folder: string;
  private readonly image: string;

  constructor(folder: string, imageFolder: string) {
    this.folder = folder;
    this.image = join(imageFolder, 'image');
    writeFileSync(this.image, '');
    truncateSync(this.image, 512 * 1024 * 1024);
    run('mkfs.ext4', '-q', this.image);
    this.mount();
  }

  mount(): void {
    run('mount', '-o', 'loop', this.image, this.folder);
  }

  /** EXT4_IOC_SHUTDOWN without a flush of the journal: from now on nothing can be read or written, and what was not synced is gone. */
  fail(): void {
    const program = 'import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))';
    run('python3', '-c', program, this.folder);
  }

  unmount(): void {
    run('umount', this.folder);
  }
  close(): void {
    run('umount', '-l', this.folder);
    rmSync(this.image);
  }
}

function worksHere(act: (folder: string) => void): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-mount-'));
  try {
    act(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const canFail = worksHere((folder) => {
  const mounted = join(folder, 'mounted');
  mkdirSync(mounted);
  const disk = new LoopDisk(mounted, folder);
  try {
    disk.fail();
    expect(() => writeFileSync(join(mounted, 'file'), 'x')).toThrow('EIO');
  } finally {
    disk.close();
  }
});
const canMount = worksHere((folder) => {
  run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
  run('umount', folder);
});

test.skipIf(!canFail)(
  'the disk of a broker fails: the others lead at once, nothing acknowledged is lost, and it comes back with what is left of the disk',
  { timeout: TIMEOUT_MS },
  async () => {
    let disk: LoopDisk | undefined;
    const images = mkdtempSync(join(tmpdir(), 'minikafka-image-'));
    const scenario = await Scenario.start({
      recordsPerSecond: 2_000,
      prepare: (data) => {
        const folder = join(data, 'broker-2');
        mkdirSync(folder);
        disk = new LoopDisk(folder, images);
        return () => {
          disk!.close();
          rmSync(images, { recursive: true });
        };
      },
    });
    const { cluster, probe } = scenario;
    const stalls: number[] = [];
    for (let round = 0; round < Math.min(ROUNDS, 4); round++) {
      probe.take();
      disk!.fail();
      await sleep(3_000);
      await scenario.progress();
      stalls.push(probe.take().ms);
      expect(cluster.broker(2).running).toBe(true);
      for (const topic of ['plain', 'idempotent', 'probe']) await cluster.waitForIsr(topic, undefined, [1, 3], { timeoutMs: 2_000 });
      await scenario.checkAcknowledged();
      await cluster.broker(2).kill();
      disk!.unmount();
      disk!.mount();
      await cluster.broker(2).start();
      await scenario.inSync();
      await scenario.checkAcknowledged();
    }
    judgeStalls('a disk fails', stalls, probe, 2_000);
    await scenario.finish();
  },
);

test.skipIf(!canMount)(
  'the disk that holds everything is full, the metadata store too: all goes on by itself when there is room again',
  { timeout: TIMEOUT_MS },
  async () => {
    const sizeMiB = 64;
    let filler = '';
    const scenario = await Scenario.start({
      recordsPerSecond: 1_000,
      config: { 'broker.session.timeout.ms': 3_000, 'log.segment.bytes': 1024 * 1024 },
      prepare: (data) => {
        run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', data);
        filler = join(data, 'filler');
        return () => run('umount', '-l', data);
      },
    });
    expect(() => writeFileSync(filler, Buffer.alloc(sizeMiB * 1024 * 1024))).toThrow(/ENOSPC/);
    await sleep(8_000); // more than two leases
    expect(scenario.cluster.brokers.every(({ running }) => running)).toBe(true);
    rmSync(filler);
    await scenario.progress(60_000);
    await scenario.inSync();
    await scenario.checkAcknowledged();
    await scenario.finish();
  },
);
