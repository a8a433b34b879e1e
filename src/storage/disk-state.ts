import { join } from 'node:path';
import type { Files } from '../core/files.ts';

/** Beside meta.properties: what this broker knows of the disk under a directory. */
const DISK_FILE = 'minikafka.disk';

/** A disk that never registered. */
export const NEVER_REGISTERED = -1;

export interface KnownDirectory {
  /** directory.id of its meta.properties. */
  readonly id: string;
  readonly path: string;
}

export interface DiskState {
  /** How often records may have been lost from the broker's directories. */
  readonly generation: number;
  /** The broker epoch of the last registration with this directory. */
  readonly brokerEpoch: number;
  /** Of the machine's start in which the last run registered; null: not known. */
  readonly bootId: string | null;
  /** When there are several: all that the broker registered with last. */
  readonly directories: readonly KnownDirectory[];
  /** Ids of directories whose disk has failed since the last registration. */
  readonly failed: readonly string[];
}

/** @throws Error with one line when the file is damaged */
export function readDiskState({ files, path }: { readonly files: Files; readonly path: string }): DiskState {
  const file = join(path, DISK_FILE);
  const content = files.read(file);
  if (!content) return { generation: 0, brokerEpoch: NEVER_REGISTERED, bootId: null, directories: [], failed: [] };
  const { version, generation, brokerEpoch, bootId, directories = [], failed = [] } = parseJson(content.toString('utf8'));
  const isSound = isInteger(generation, 0) && isInteger(brokerEpoch, NEVER_REGISTERED) && (bootId === null || typeof bootId === 'string');
  if (version === 1 && isSound && isListOf(directories, isKnown) && isListOf(failed, isText))
    return { generation, brokerEpoch, bootId, directories, failed };
  throw new Error(`${file} is damaged or of another version: restore it, or use another data directory`);
}

/** Durable before it returns. */
export function writeDiskState({ files, path }: { readonly files: Files; readonly path: string }, state: DiskState): void {
  const { directories, failed, ...rest } = state;
  const value = { version: 1, ...rest, ...(directories.length > 0 && { directories }), ...(failed.length > 0 && { failed }) };
  files.replace(join(path, DISK_FILE), `${JSON.stringify(value)}\n`);
}

function parseJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isInteger(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}

const isText = (value: unknown): value is string => typeof value === 'string';

function isKnown(value: unknown): value is KnownDirectory {
  return typeof value === 'object' && value !== null && isText(Reflect.get(value, 'id')) && isText(Reflect.get(value, 'path'));
}

function isListOf<T>(value: unknown, is: (element: unknown) => element is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}
