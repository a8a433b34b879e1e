import type { Load } from '../cluster/load.ts';
import type { Peer } from '../kafka/peer.ts';
import { PeerWorker } from './peer-worker.ts';

/** Moves the beginnings of a load's partitions by DeleteRecords. */
export class Trimmer extends PeerWorker {
  deletions = 0;
  /** By partition: the log may begin there, and not behind it. */
  readonly asked: number[];
  private readonly load: Load;
  private readonly random: () => number;

  constructor(load: Load, pauseMs: number, random: () => number) {
    super(pauseMs);
    this.load = load;
    this.random = random;
    this.asked = new Array<number>(load.partitions).fill(0);
  }

  /** Something between what was asked for last and the last acknowledged record. */
  protected async step(peer: Peer): Promise<void> {
    const partition = Math.floor(this.random() * this.load.partitions);
    const last = this.load.acknowledged[partition]!.at(-1);
    const from = this.asked[partition]!;
    if (!last || last.offset <= from) return;
    const to = from + Math.floor(this.random() * (last.offset - from));
    if (to === from) return;
    this.asked[partition] = to;
    await peer.deleteRecords(this.load.topic, partition, to);
    this.deletions++;
  }
}
