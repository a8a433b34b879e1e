import { join, resolve } from 'node:path';
import type { Files } from '../core/files.ts';

/** What all brokers of a cluster on this machine have in common: `cluster.json` in the cluster's directory. */
export interface ClusterFile {
  /** How many `cluster start` starts: ids 1 to this. */
  readonly brokers: number;
  /** Broker n listens on this + n - 1; 0: each on a free port. */
  readonly basePort: number;
  readonly host: string;
  /** Of broker 1, 2, ..; with fewer racks than brokers it begins again. */
  readonly racks: readonly string[];
  /** What --override gave to all of them. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Static configs that follow from the number of brokers, below everything that a user says. */
  readonly defaults: Readonly<Record<string, string>>;
}

export const CLUSTER_FILE = 'cluster.json';

/** Three replicas, of which two must be in sync, is the least that loses nothing and goes on when one broker dies. */
export function defaultsFor(brokers: number): Record<string, string> {
  const replicas = String(Math.min(3, brokers));
  const minInSync = brokers >= 3 ? '2' : '1';
  return {
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minInSync,
  };
}

/** Null where no cluster was started yet. @throws Error with one line that says what is wrong with the file */
export function readClusterFile(files: Files, directory: string): ClusterFile | null {
  const path = join(directory, CLUSTER_FILE);
  const content = files.read(path);
  if (content === null) return null;
  const damaged = new Error(`${resolve(path)} is damaged: correct it, or remove it and start the cluster again with its --brokers`);
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    throw damaged;
  }
  if (!isClusterFile(value)) throw damaged;
  const { brokers, basePort, host, racks, overrides, defaults } = value;
  return { brokers, basePort, host, racks, overrides, defaults };
}

export function writeClusterFile(files: Files, directory: string, content: ClusterFile): void {
  files.replace(join(directory, CLUSTER_FILE), `${JSON.stringify(content, null, 2)}\n`);
}

export const portOf = ({ basePort }: Pick<ClusterFile, 'basePort'>, brokerId: number): number =>
  basePort === 0 ? 0 : basePort + brokerId - 1;

export const rackOf = ({ racks }: Pick<ClusterFile, 'racks'>, brokerId: number): string | null =>
  racks.length === 0 ? null : racks[(brokerId - 1) % racks.length]!;

/** Where a broker of the cluster keeps its logs. */
export const brokerDirectory = (directory: string, brokerId: number): string => join(directory, `broker-${brokerId}`);

/** The metadata that the brokers share. */
export const storePath = (directory: string): string => join(directory, 'metadata.db');

/** What a broker process says: its log lines, and the trace of a crash. */
export const outputPath = (directory: string, brokerId: number): string => join(directory, `broker-${brokerId}.log`);

function isClusterFile(value: unknown): value is ClusterFile {
  if (typeof value !== 'object' || value === null) return false;
  const { brokers, basePort, host, racks, overrides, defaults } = value as Record<string, unknown>;
  return (
    Number.isInteger(brokers) &&
    Number.isInteger(basePort) &&
    typeof host === 'string' &&
    Array.isArray(racks) &&
    racks.every((rack) => typeof rack === 'string') &&
    isTexts(overrides) &&
    isTexts(defaults)
  );
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string');
