/**
 * One file of memory-files.ts: a list of pages, so that growing copies nothing but a first page that is still small, and an undo list of
 * what happened since the last sync.
 */

const PAGE_BYTES = 64 * 1024;
const FIRST_PAGE_BYTES = 256;
/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** What a power failure leaves of what was not synced. */
export interface Crash {
  /** Values in [0, 1); without it nothing is left. */
  readonly random?: (() => number) | undefined;
  /** Sectors reach the disk in any order, each by itself; else what is left of a file is a prefix of what was done to it. */
  readonly torn?: boolean;
}

/** How to take one change back. `end` 0: a truncation. An append needs only the size before; appends that follow each other are one entry. */
interface Undo {
  readonly sizeBefore: number;
  readonly position: number;
  /** Bytes that were overwritten or cut off, from `position` on. */
  readonly old: Buffer;
  end: number;
}

const NOTHING = Buffer.alloc(0);

export class MemoryFile {
  size = 0;
  /** Handles that are open. */
  opened = 0;
  private pages: Buffer[] = [];
  private undo: Undo[] = [];
  /** What a failed sync should have made durable: no later one does. */
  private lost: Undo[] = [];
  private unlinked = false;
  private readonly space: { left: number };
  private readonly crashable: boolean;

  /** @param space what the disk has left; this file takes from it and gives back */
  constructor(space: { left: number }, crashable: boolean) {
    this.space = space;
    this.crashable = crashable;
  }

  read(into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.byteLength, this.size - position));
    this.eachPage(position, length, (page, at, bytes, done) => into.set(page.subarray(at, at + bytes), done));
    return length;
  }

  /** Writes what fits on the disk; returns how much that was. */
  write(chunks: readonly Uint8Array[], position: number): number {
    let at = position;
    for (const chunk of chunks) {
      const growth = Math.max(0, at + chunk.byteLength - this.size);
      const room = Math.max(0, this.space.left);
      const fits = growth <= room ? chunk.byteLength : Math.max(0, this.size + room - at);
      this.remember(at, at + fits);
      if (at > this.size && fits > 0) this.grow(at);
      if (at + fits > this.size) this.grow(at + fits, false);
      this.eachPage(at, fits, (page, from, bytes, done) => page.set(chunk.subarray(done, done + bytes), from));
      at += fits;
      if (fits < chunk.byteLength) break;
    }
    return at - position;
  }

  /** False when the disk has no room for a longer file. */
  truncate(size: number): boolean {
    if (size > this.size && size - this.size > this.space.left) return false;
    if (size < this.size) {
      this.lost = this.lost.filter(({ end }) => end <= size);
      if (this.crashable) this.undo.push({ sizeBefore: this.size, position: size, old: this.copy(size, this.size), end: 0 });
      this.shrink(size);
    } else if (size > this.size) {
      this.remember(this.size, size);
      this.grow(size);
    }
    return true;
  }

  sync(): void {
    this.undo = [];
  }

  /** The kernel tells of pages that it could not write once, and forgets them: the next sync succeeds, and a power failure shows the loss. */
  syncFailed(): void {
    this.lost.push(...this.undo.filter(({ end }) => end > 0));
    this.undo = [];
  }

  /** A bit at rest turns over, be it durable or not. */
  flipBit(position: number, bit: number): void {
    if (position < 0 || position >= this.size) throw new RangeError(`byte ${position} of ${this.size}`);
    this.eachPage(position, 1, (page, at) => {
      page[at]! ^= 1 << bit;
    });
  }

  /** Takes back what was not synced, or a random part of it. */
  crash({ random, torn }: Crash): void {
    if (random && torn) this.tear(random);
    else this.keepPrefix(random);
    for (const { position, end, old } of this.lost.reverse()) {
      const to = Math.min(Math.max(end, position + old.byteLength), this.size);
      if (position >= to || (random && random() < 0.5)) continue;
      this.eachPage(position, to - position, (page, at, bytes) => void page.fill(0, at, at + bytes));
      this.put(old.subarray(0, to - position), position);
    }
    this.undo = [];
    this.lost = [];
    this.opened = 0;
    this.unlinked = false;
  }

  private keepPrefix(random: (() => number) | undefined): void {
    const kept = random ? Math.floor(random() * (this.undo.length + 1)) : 0;
    for (const change of this.undo.splice(kept).reverse()) this.takeBack(change);
    const last = this.undo.at(-1);
    if (random && last && last.end > last.sizeBefore && this.size === last.end) {
      this.shrink(last.sizeBefore + Math.floor(random() * (last.end - last.sizeBefore + 1)));
    }
  }

  /** Each sector, and the size, is as it was at some moment since the last sync. What was appended may be there up to any byte of a sector. */
  private tear(random: () => number): void {
    const { undo } = this;
    if (undo.length === 0) return;
    const chance = [0.3, 0.9, 0.99][Math.floor(random() * 3)]!;
    const versions = new Map<number, number>();
    const versionOf = (sector: number) => {
      let version = versions.get(sector);
      if (version === undefined) {
        version = random() < chance ? undo.length : Math.floor(random() * (undo.length + 1));
        versions.set(sector, version);
      }
      return version;
    };
    const moment = random() < chance ? undo.length : Math.floor(random() * (undo.length + 1));
    let size = undo[moment]?.sizeBefore ?? this.size;
    const growth = undo[moment - 1];
    if (growth && growth.end > growth.sizeBefore && random() > chance)
      size = growth.sizeBefore + Math.floor(random() * (growth.end - growth.sizeBefore + 1));
    const content = Buffer.alloc(Math.max(this.size, ...undo.map(({ sizeBefore }) => sizeBefore)));
    this.read(content, 0);
    for (const [i, { position, end, old }] of [...undo.entries()].reverse()) {
      const before = Buffer.alloc(Math.max(end - position, old.byteLength));
      before.set(old);
      for (let at = position; at < position + before.byteLength; ) {
        const sector = Math.floor(at / SECTOR_BYTES);
        const sectorEnd = Math.min((sector + 1) * SECTOR_BYTES, position + before.byteLength);
        const isAppend = at >= position + old.byteLength;
        const from = isAppend && random() < 0.2 ? at + Math.floor(random() * (sectorEnd - at)) : at;
        if (versionOf(sector) <= i) before.copy(content, from, from - position, sectorEnd - position);
        at = sectorEnd;
      }
    }
    this.shrink(0);
    this.grow(size);
    this.put(content.subarray(0, size), 0);
  }

  close(): void {
    this.opened--;
    this.freeWhenUnused();
  }

  /** The last name is gone: the content goes with the last handle. */
  unlink(): void {
    this.unlinked = true;
    this.space.left += this.size; // room for others at once; a handle that is still open may go on writing what nobody counts
    this.freeWhenUnused();
  }

  private freeWhenUnused(): void {
    // A crash may bring an unsynced removal back, so only files that cannot crash give their memory back now.
    if (this.unlinked && this.opened === 0 && !this.crashable) {
      this.pages = [];
      this.size = 0;
    }
  }

  private remember(from: number, to: number): void {
    if (!this.crashable || to <= from) return;
    if (this.lost.length > 0) this.lost = this.lost.filter(({ position, end }) => end <= from || position >= to); // written anew
    const last = this.undo.at(-1);
    if (from >= this.size && last && last.end === this.size && last.position === last.sizeBefore && from === last.end) last.end = to;
    else if (from >= this.size) this.undo.push({ sizeBefore: this.size, position: this.size, old: NOTHING, end: to });
    else this.undo.push({ sizeBefore: this.size, position: from, old: this.copy(from, Math.min(to, this.size)), end: to });
  }

  private takeBack({ sizeBefore, position, old }: Undo): void {
    if (sizeBefore < this.size) this.shrink(sizeBefore);
    else if (sizeBefore > this.size) this.grow(sizeBefore);
    this.put(old, position);
  }

  private put(bytes: Buffer, position: number): void {
    this.eachPage(position, bytes.byteLength, (page, at, length, done) => page.set(bytes.subarray(done, done + length), at));
  }

  private copy(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from);
    this.read(bytes, from);
    return bytes;
  }

  private grow(size: number, zeroed = true): void {
    const before = this.size;
    for (;;) {
      const last = this.pages.at(-1);
      const capacity = last ? (this.pages.length - 1) * PAGE_BYTES + last.byteLength : 0;
      if (capacity >= size) break;
      if (last && last.byteLength < PAGE_BYTES) {
        const larger = Buffer.allocUnsafeSlow(Math.min(PAGE_BYTES, Math.max(2 * last.byteLength, 2 ** Math.ceil(Math.log2(size)))));
        larger.set(last);
        this.pages[this.pages.length - 1] = larger;
      } else {
        this.pages.push(
          Buffer.allocUnsafeSlow(last || size > PAGE_BYTES ? PAGE_BYTES : Math.max(FIRST_PAGE_BYTES, 2 ** Math.ceil(Math.log2(size)))),
        );
      }
    }
    this.size = size;
    if (!this.unlinked) this.space.left -= size - before;
    if (zeroed) this.eachPage(before, size - before, (page, at, bytes) => void page.fill(0, at, at + bytes));
  }

  private shrink(size: number): void {
    if (!this.unlinked) this.space.left += this.size - size;
    this.size = size;
    this.pages.length = Math.min(this.pages.length, Math.ceil(size / PAGE_BYTES));
  }

  private eachPage(position: number, length: number, act: (page: Buffer, at: number, bytes: number, done: number) => void): void {
    let done = 0;
    while (done < length) {
      const at = (position + done) % PAGE_BYTES;
      const bytes = Math.min(length - done, PAGE_BYTES - at);
      act(this.pages[Math.floor((position + done) / PAGE_BYTES)]!, at, bytes, done);
      done += bytes;
    }
  }
}
