import type { DataDirectory } from './data-directory.ts';
import { type DiskState, type KnownDirectory, NEVER_REGISTERED, readDiskState, writeDiskState } from './disk-state.ts';

/** One directory of log.dirs, read before it was marked as in use. */
export interface DiskDirectory extends Pick<DataDirectory, 'files' | 'path' | 'endedCleanly'> {
  /** directory.id of meta.properties. */
  readonly directoryId: string;
  /** Nothing of any partition is in it, and no broker had it before. */
  readonly isNew?: boolean;
}

export interface DiskIdentityOptions {
  readonly directory: Pick<DataDirectory, 'files' | 'path' | 'endedCleanly'>;
  /** directory.id of meta.properties. */
  readonly directoryId: string;
  /** Tells one start of the machine from another: what was written in this one and not synced is still there. Null: cannot be told. */
  readonly bootId: string | null;
  /** The other directories of log.dirs that can be used. */
  readonly others?: readonly DiskDirectory[];
  /** Paths of those that cannot. */
  readonly unusable?: readonly string[];
  /** The disk under one of the directories failed. */
  readonly onFailure?: (path: string, error: unknown) => void;
}

interface Part {
  readonly directory: DiskDirectory;
  state: DiskState;
}

/**
 * Whether what the cluster knows of this broker's records is still true of its disks (metadata-store rule 5): the id of the data directory, and
 * a generation that grows when its records may be fewer than they were. A member of an ISR whose generation has grown is not elected before a
 * leader has admitted it again.
 *
 * With several log directories that is told of all of them together: one that is gone, was replaced, failed, or is older than the others makes
 * the generation grow. One that cannot be used now does not: what may be in it is offline, and is not made anew.
 */
export class DiskIdentity {
  readonly directoryId: string;
  private readonly options: DiskIdentityOptions;
  /** The directory with the metadata comes first. */
  private readonly parts: readonly [Part, ...Part[]];
  /** Every directory that this broker had at its last registration. */
  private known: readonly KnownDirectory[];
  /** Those that failed in earlier runs, and have not been registered with since. */
  private failedBefore: readonly string[];
  /** Those that failed in this run. */
  private readonly failed = new Set<string>();
  /** What this run registers with was decided. A disk does not change under a broker that holds its lock. */
  private decided = false;
  private continued = false;

  /** @throws Error with one line when a file is damaged */
  constructor(options: DiskIdentityOptions) {
    this.options = options;
    this.directoryId = options.directoryId;
    const partOf = (directory: DiskDirectory): Part => ({ directory, state: readDiskState(directory) });
    this.parts = [partOf({ ...options.directory, directoryId: options.directoryId }), ...(options.others ?? []).map(partOf)];
    this.known = this.parts.flatMap(({ state }) => state.directories);
    this.failedBefore = this.parts.flatMap(({ state }) => state.failed);
  }

  /** As it was last registered, or is to be. */
  get generation(): number {
    return this.parts[0].state.generation;
  }

  /**
   * Whether the store that this broker registers with knows of its last registration with these directories, or a later one. Else it is an older
   * copy of the store, or another one, and what it does not know of is no proof that it is gone.
   */
  get isContinued(): boolean {
    return this.continued;
  }

  /**
   * The generation to register with; when it grows it is durable before this returns. It does when the machine has started anew since the last
   * run, which did not end cleanly: the end of the logs may be lost; when the cluster's last registration of this broker is not the one
   * that a directory has, which is then an older copy; and when a directory is gone, or failed. After a mere kill it stays.
   *
   * It grows beyond every generation that this broker was registered with: an older copy knows nothing of those that came after it, and the next
   * one after its own may be the very one that was admitted.
   *
   * @param lastEpoch of this broker's last registration, the revision of `/b/known/<id>`; 0: there was none
   * @param lastGeneration of that registration, whatever directory it named
   * @param diskFailed under that registration a disk of this broker failed: what a sync that failed left out is seen by nobody
   */
  generationToRegister(lastEpoch: number, lastGeneration = 0, diskFailed = false): number {
    if (this.decided) return this.generation;
    const [first] = this.parts;
    const { bootId } = this.options;
    const mayLack = this.parts.some((part) => this.mayLackRecords(part, lastEpoch)) || this.lost().length > 0 || diskFailed;
    // The start of the machine is noted with the registration: until then the next run takes it for another one, which is safe.
    const generation = Math.max(lastGeneration, ...this.parts.map(({ state }) => state.generation)) + 1;
    if (mayLack) this.write(first, { ...first.state, generation, bootId });
    else first.state = { ...first.state, bootId };
    this.decided = true;
    const isHere = (id: string) => this.parts.some(({ directory }) => directory.directoryId === id);
    this.failedBefore = this.failedBefore.filter((id) => !isHere(id));
    const { brokerEpoch } = first.state;
    const latest = Math.max(...this.parts.map(({ state }) => state.brokerEpoch));
    const isForeign = this.parts.some(({ state, directory }) => state.brokerEpoch === NEVER_REGISTERED && !directory.isNew);
    this.continued = brokerEpoch !== NEVER_REGISTERED && !isForeign && lastEpoch >= latest;
    return this.generation;
  }

  /** The broker has registered; durable before this returns. Without it a directory counts as an older copy at the next start. */
  noteRegistered(brokerEpoch: number): void {
    const [first, ...others] = this.parts;
    const { bootId } = this.options;
    const { generation } = this;
    const usable = this.parts.map(({ directory: { directoryId: id, path } }) => ({ id, path }));
    const isUsable = ({ id }: KnownDirectory) => usable.some((directory) => directory.id === id);
    const all = [...usable, ...distinct(this.known).filter((directory) => !isUsable(directory) && this.isUnusable(directory))];
    const directories = all.length > 1 ? all : [];
    const state = { generation, brokerEpoch, bootId, directories, failed: this.allFailed() };
    // A directory that failed in this run does not hear of it, so that it is an older copy when it comes back.
    for (const part of others) if (!this.failed.has(part.directory.directoryId)) this.writeOther(part, state);
    this.write(first, state);
    this.known = directories;
  }

  /** The disk under a directory has failed: what it holds may be fewer records than were acknowledged, also when it works again. */
  noteFailed(path: string): void {
    const failed = this.parts.find(({ directory }) => directory.path === path)?.directory.directoryId;
    if (failed === undefined || this.failed.has(failed)) return;
    this.failed.add(failed);
    const others = this.parts.filter(({ directory }) => !this.failed.has(directory.directoryId));
    // Where there is no other it is tried all the same: a disk that gives errors may still take a few bytes.
    for (const part of others.length > 0 ? others : this.parts) this.writeOther(part, { ...part.state, failed: this.allFailed() });
  }

  private allFailed(): string[] {
    return [...new Set([...this.failedBefore, ...this.failed])];
  }

  private mayLackRecords({ directory, state }: Part, lastEpoch: number): boolean {
    const { brokerEpoch, bootId } = state;
    const isSameStart = this.options.bootId !== null && this.options.bootId === bootId;
    const mayLackTail = !directory.endedCleanly && !isSameStart && brokerEpoch !== NEVER_REGISTERED;
    const isOlderCopy = brokerEpoch !== (lastEpoch > 0 ? lastEpoch : NEVER_REGISTERED);
    const { directoryId, isNew } = directory;
    return mayLackTail || (isOlderCopy && !isNew) || this.allFailed().includes(directoryId);
  }

  /** In the place of a directory that this broker had there is another: what has no folder in any may have been in that. Before it registers. */
  get isReplaced(): boolean {
    const paths = new Set(this.parts.map(({ directory }) => directory.path));
    return this.lost().some(({ path }) => paths.has(path));
  }

  /** Directories that this broker had and has no more. */
  private lost(): KnownDirectory[] {
    const ids = new Set(this.parts.map(({ directory }) => directory.directoryId));
    return distinct(this.known).filter((directory) => !ids.has(directory.id) && !this.isUnusable(directory));
  }

  private isUnusable({ path }: KnownDirectory): boolean {
    return this.options.unusable?.includes(path) ?? false;
  }

  private write(part: Part, state: DiskState): void {
    writeDiskState(part.directory, state);
    part.state = state;
  }

  /** A directory that cannot be written does not keep the broker from registering: it failed. */
  private writeOther(part: Part, state: DiskState): void {
    try {
      this.write(part, state);
    } catch (error) {
      this.options.onFailure?.(part.directory.path, error);
    }
  }
}

function distinct(directories: readonly KnownDirectory[]): KnownDirectory[] {
  return [...new Map(directories.map((directory) => [directory.id, directory])).values()];
}
