import { readFileSync } from 'node:fs';

/** Time that all processes of this machine read alike, until it is booted anew. */
export interface Machine {
  /** Ms since an arbitrary start, the same start for every process; never going back, not even when the wall clock does. */
  monotonicMs(): number;
  /** Another one after each boot; '' where the system has none. */
  readonly bootId: string;
}

/** Linux names each boot; elsewhere there is no such name. */
const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

let bootId: string | undefined;

export const realMachine: Machine = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  get bootId() {
    return (bootId ??= readBootId());
  },
};

function readBootId(): string {
  try {
    return readFileSync(BOOT_ID_PATH, 'utf8').trim();
  } catch {
    return '';
  }
}
