import type { Clock } from '../../core/clock.ts';
import type { Output } from '../output.ts';
import { sizeText } from '../size-text.ts';

const INTERVAL_MS = 100;
const BAR_CHARACTERS = 30;
const CLEAR_LINE = '\r\x1b[K';

/** A bar on a terminal's standard error; nothing elsewhere. */
export class Progress {
  private readonly err: Output;
  private readonly clock: Clock;
  private readonly totalBytes: number;
  private readonly startedMs: number;
  private doneBytes = 0;
  private drawnMs = Number.NEGATIVE_INFINITY;
  private isDrawn = false;

  constructor(err: Output, clock: Clock, totalBytes: number) {
    this.err = err;
    this.clock = clock;
    this.totalBytes = totalBytes;
    this.startedMs = clock.monotonicMs();
  }

  get bytes(): number {
    return this.doneBytes;
  }

  add(bytes: number): void {
    this.doneBytes += bytes;
    const nowMs = this.clock.monotonicMs();
    if (!this.err.isTerminal || nowMs - this.drawnMs < INTERVAL_MS) return;
    this.drawnMs = nowMs;
    const share = this.totalBytes === 0 ? 1 : Math.min(1, this.doneBytes / this.totalBytes);
    const filled = Math.round(share * BAR_CHARACTERS);
    const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}`;
    const speed = this.doneBytes / Math.max(1, nowMs - this.startedMs) / 1000;
    this.err.text(`${CLEAR_LINE}[${bar}] ${Math.floor(share * 100)}%  ${sizeText(this.doneBytes)}  ${speed.toFixed(0)} MB/s`);
    this.isDrawn = true;
  }

  /** Takes the bar away; the next bytes draw it again. */
  clear(): void {
    if (this.isDrawn) this.err.text(CLEAR_LINE);
    this.isDrawn = false;
  }
}
