import { join } from 'node:path';
import type { DataDirectory } from './data-directory.ts';

/** Beside meta.properties: what this broker knows of the disk under its data directory. */
const DISK_FILE = 'minikafka.disk';

/** A disk that never registered. */
const NEVER_REGISTERED = -1;

interface DiskState {
  /** How often records may have been lost from the directory. */
  readonly generation: number;
  /** The broker epoch of the last registration with this directory. */
  readonly brokerEpoch: number;
  /** Of the machine's start in which the last run registered; null: not known. */
  readonly bootId: string | null;
}

export interface DiskIdentityOptions {
  /** Read before it was marked as in use. */
  readonly directory: Pick<DataDirectory, 'files' | 'path' | 'endedCleanly'>;
  /** directory.id of meta.properties. */
  readonly directoryId: string;
  /** Tells one start of the machine from another: what was written in this one and not synced is still there. Null: cannot be told. */
  readonly bootId: string | null;
}

/**
 * Whether what the cluster knows of this broker's records is still true of its disk (metadata-store rule 5): the id of the data directory, and
 * a generation that grows when its records may be fewer than they were. A member of an ISR whose generation has grown is not elected before a
 * leader has admitted it again.
 */
export class DiskIdentity {
  readonly directoryId: string;
  private readonly options: DiskIdentityOptions;
  private state: DiskState;
  /** What this run registers with was decided. A disk does not change under a broker that holds its lock. */
  private decided = false;
  private continued = false;

  /** @throws Error with one line when the file is damaged */
  constructor(options: DiskIdentityOptions) {
    this.options = options;
    this.directoryId = options.directoryId;
    const { files, path } = options.directory;
    this.state = parseState(files.read(join(path, DISK_FILE)), join(path, DISK_FILE));
  }

  /** As it was last registered, or is to be. */
  get generation(): number {
    return this.state.generation;
  }

  /**
   * Whether the store that this broker registers with knows of its last registration with this directory, or a later one. Else it is an older
   * copy of the store, or another one, and what it does not know of is no proof that it is gone.
   */
  get isContinued(): boolean {
    return this.continued;
  }

  /**
   * The generation to register with; when it grows it is durable before this returns. It does when the machine has started anew since the last
   * run, which did not end cleanly: the end of the logs may be lost; and when the cluster's last registration of this broker is not the one
   * that this directory has, which is then an older copy. After a mere kill it stays.
   *
   * It grows beyond every generation that this broker was registered with: an older copy knows nothing of those that came after it, and the next
   * one after its own may be the very one that was admitted.
   *
   * @param lastEpoch of this broker's last registration, the revision of `/b/known/<id>`; 0: there was none
   * @param lastGeneration of that registration, whatever directory it named
   * @param diskFailed under that registration a disk of this broker failed: what a sync that failed left out is seen by nobody
   */
  generationToRegister(lastEpoch: number, lastGeneration = 0, diskFailed = false): number {
    if (this.decided) return this.state.generation;
    const { bootId, directory } = this.options;
    const { brokerEpoch, generation } = this.state;
    const isSameStart = bootId !== null && bootId === this.state.bootId;
    const mayLackTail = !directory.endedCleanly && !isSameStart && brokerEpoch !== NEVER_REGISTERED;
    const isOlderCopy = brokerEpoch !== (lastEpoch > 0 ? lastEpoch : NEVER_REGISTERED);
    // The start of the machine is noted with the registration: until then the next run takes it for another one, which is safe.
    if (mayLackTail || isOlderCopy || diskFailed) this.write({ generation: Math.max(generation, lastGeneration) + 1, brokerEpoch, bootId });
    else this.state = { generation, brokerEpoch, bootId };
    this.decided = true;
    this.continued = brokerEpoch !== NEVER_REGISTERED && lastEpoch >= brokerEpoch;
    return this.state.generation;
  }

  /** The broker has registered; durable before this returns. Without it the directory counts as an older copy at the next start. */
  noteRegistered(brokerEpoch: number): void {
    this.write({ ...this.state, brokerEpoch });
  }

  private write(state: DiskState): void {
    const { files, path } = this.options.directory;
    files.replace(join(path, DISK_FILE), `${JSON.stringify({ version: 1, ...state })}\n`);
    this.state = state;
  }
}

function parseState(content: Buffer | null, path: string): DiskState {
  if (!content) return { generation: 0, brokerEpoch: NEVER_REGISTERED, bootId: null };
  const value = parseJson(content.toString('utf8'));
  const { version, generation, brokerEpoch, bootId } = value;
  const isSound = isInteger(generation, 0) && isInteger(brokerEpoch, NEVER_REGISTERED) && (bootId === null || typeof bootId === 'string');
  if (version !== 1 || !isSound) throw new Error(`${path} is damaged or of another version: restore it, or use another data directory`);
  return { generation, brokerEpoch, bootId };
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
