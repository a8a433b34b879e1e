import type { Peer } from '../kafka/peer.ts';
import { PeerWorker } from './peer-worker.ts';

/** Moves partitions between the log directories of their broker. */
export class Mover extends PeerWorker {
  private readonly directories: readonly string[];
  private readonly partitions: readonly (readonly [topic: string, partition: number])[];
  private readonly random: () => number;

  constructor(
    partitions: readonly (readonly [topic: string, partition: number])[],
    directories: readonly string[],
    pauseMs: number,
    random: () => number,
  ) {
    super(pauseMs);
    this.partitions = partitions;
    this.directories = directories;
    this.random = random;
  }

  protected async step(peer: Peer): Promise<void> {
    const any = <T>(of: readonly T[]): T => of[Math.floor(this.random() * of.length)]!;
    const [topic, partition] = any(this.partitions);
    await peer.moveReplica(topic, partition, any(this.directories));
  }
}
