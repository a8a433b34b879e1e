import type { Crash, MemoryFile } from './memory-file.ts';

type Entry = Directory | MemoryFile;
/** Names that change together, as in a rename; undefined: the name goes. */
type Change = readonly (readonly [name: string, entry: Entry | undefined])[];

/** Beyond this many, the older half of what was not synced is kept or lost together. */
const MAX_CHANGES = 1000;

/** One folder of memory-files.ts, and which of its entries are durable. */
export class Directory {
  entries = new Map<string, Entry>();
  private durable = new Map<string, Entry>();
  /** Since the last sync, in order. */
  private changes: Change[] = [];
  private readonly crashable: boolean;

  constructor(crashable: boolean) {
    this.crashable = crashable;
  }

  set(name: string, entry: Entry): void {
    this.change([[name, entry]]);
  }
  delete(name: string): void {
    this.change([[name, undefined]]);
  }
  /** Both names or neither, as file systems with a journal have it. */
  rename(from: string, to: string, entry: Entry): void {
    this.change([
      [from, undefined],
      [to, entry],
    ]);
  }

  sync(): void {
    if (!this.crashable) return;
    this.durable = new Map(this.entries);
    this.changes = [];
  }

  /** Takes back what was not synced. With a random source some of it is left: all, what came first, or each change by itself. */
  crash(crash: Crash): void {
    const { random } = crash;
    this.entries = new Map(this.durable);
    for (const change of random ? left(this.changes, random) : []) this.apply(change);
    this.sync();
    for (const entry of this.entries.values()) entry.crash(crash);
  }

  private change(change: Change): void {
    this.apply(change);
    if (!this.crashable) return;
    this.changes.push(change);
    if (this.changes.length > MAX_CHANGES)
      this.changes = [this.changes.slice(0, MAX_CHANGES / 2).flat(), ...this.changes.slice(MAX_CHANGES / 2)];
  }

  private apply(change: Change): void {
    for (const [name, entry] of change) {
      if (entry) this.entries.set(name, entry);
      else this.entries.delete(name);
    }
  }
}

function left(changes: readonly Change[], random: () => number): readonly Change[] {
  const how = random();
  if (how < 0.25) return [];
  if (how < 0.5) return changes;
  if (how < 0.75) return changes.slice(0, Math.floor(random() * (changes.length + 1)));
  return changes.filter(() => random() < 0.5);
}
