import type { Files } from './files.ts';

/**
 * Tells one start of this machine from another: what a process wrote in this one, and did not sync, is still there when the process was killed.
 * Null where it cannot be told (anything but Linux).
 */
export function readBootId(files: Files): string | null {
  try {
    return files.read('/proc/sys/kernel/random/boot_id')?.toString('utf8').trim() || null;
  } catch {
    return null;
  }
}
