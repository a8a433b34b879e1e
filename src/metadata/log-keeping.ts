import type { Rev } from './store.ts';

/** Beyond this many times the revisions to keep, the log is cut whatever its age. */
const MAX_FACTOR = 10;

/** How far the log of a shared store may be cut: it keeps a number of revisions, and those of a time, as far as this process has seen them come. */
export class LogKeeping {
  private readonly revisions: number;
  private readonly keepMs: number;
  /** The store's revision at some moments: the first is the oldest that matters, a tenth of keepMs lies between two. */
  private marks: { readonly rev: Rev; readonly atMs: number }[] = [];

  constructor(revisions: number, keepMs: number) {
    this.revisions = revisions;
    this.keepMs = keepMs;
  }

  saw(head: Rev, atMs: number): void {
    const last = this.marks.at(-1);
    if (last && last.atMs + this.keepMs / 10 > atMs) return;
    this.marks.push({ rev: head, atMs });
    while ((this.marks[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - this.keepMs) this.marks.shift();
  }

  /** The oldest revision to keep; undefined: not worth it yet. In steps of a tenth at least, so that not every commit pays for it. */
  cutTo(oldest: Rev, head: Rev, atMs: number): Rev | undefined {
    const kept = head - oldest + 1;
    if (kept <= this.revisions * 1.1) return undefined;
    const byCount = Math.min(head - this.revisions + 1, oldest + Math.ceil(this.revisions / 2)); // others wait while it is cut
    if (kept > this.revisions * MAX_FACTOR) return byCount;
    const mark = this.marks[0];
    const old = this.keepMs === 0 ? head : mark && mark.atMs <= atMs - this.keepMs ? mark.rev : 0;
    const to = Math.min(byCount, old);
    return to - oldest >= this.revisions / 10 ? to : undefined;
  }
}
