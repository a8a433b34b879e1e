import { LeaderEpochs, parseLeaderEpochs } from '../../storage/leader-epochs.ts';
import type { Findings } from './findings.ts';

/** Holds the leader epochs of batches to leader-epoch-checkpoint, and to each other: they never go back. */
export class EpochCheck {
  private readonly path: string;
  private readonly findings: Findings;
  private readonly growing: boolean;
  /** null: the file is missing or damaged. */
  private readonly known: LeaderEpochs | null;
  private last = -1;
  /** What was said already: a wrong entry concerns every batch of its epoch. */
  private said = '';

  /**
   * @param content of the file at `path`; null: there is none
   * @param growing the broker may be writing, so batches may be ahead of the file
   */
  constructor(path: string, content: Buffer | null, findings: Findings, growing: boolean) {
    this.path = path;
    this.findings = findings;
    this.growing = growing;
    const entries = parseLeaderEpochs(content);
    this.known = entries && new LeaderEpochs(entries, () => {});
    if (content !== null && entries === null)
      findings.damage(path, null, 'damaged, out of order, or of another version: the next start reads the log to learn the leader epochs');
  }

  batch(logPath: string, position: number, epoch: number, baseOffset: number): void {
    if (epoch < 0) return; // written before Kafka had them
    if (epoch < this.last) {
      this.findings.damage(logPath, position, `leader epoch ${epoch} at offset ${baseOffset} follows leader epoch ${this.last}`);
      return;
    }
    this.last = epoch;
    if (!this.known) return;
    const entries = this.known.list();
    const said = this.known.epochOf(baseOffset);
    if (said === epoch || (this.growing && epoch > this.known.latest)) return;
    if (said === -1 && entries.length > 0) return; // before its first entry: below the log start offset
    const what =
      said === -1
        ? 'it has no entries, but the batches have leader epochs'
        : `it says leader epoch ${said} where the batches have ${epoch}`;
    if (what !== this.said) this.findings.damage(this.path, null, `${what} (offset ${baseOffset})`);
    this.said = what;
  }

  /** @param logEndOffset offset behind the last batch */
  finish(logEndOffset: number): void {
    for (const { epoch, startOffset } of this.known?.list() ?? []) {
      if (startOffset > logEndOffset) {
        this.findings.damage(
          this.path,
          null,
          `leader epoch ${epoch} begins at offset ${startOffset}, behind the end of the log, ${logEndOffset}`,
        );
      }
    }
  }
}
