import { readBootId } from './boot-id.ts';
import { realFiles } from './real-files.ts';

/** Time that all processes of this machine read alike, until it is booted anew. */
export interface Machine {
  /** Ms since an arbitrary start, the same start for every process; never going back, not even when the wall clock does. */
  monotonicMs(): number;
  /** Another one after each boot; '' where the system has none. */
  readonly bootId: string;
}

let bootId: string | undefined;

export const realMachine: Machine = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  get bootId() {
    return (bootId ??= readBootId(realFiles) ?? '');
  },
};
