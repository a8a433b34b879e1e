import { expect } from 'vitest';
import type { FakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { closeStore, read } from '../support/log-fixture.ts';
import { endOf, type ModelBatch } from '../support/log-model.ts';
import { batchesOf, FOLDER, type Operations } from './log-run.ts';
import { LogRunOperations } from './log-run-operations.ts';

const BASE_OFFSET_BYTES = 8;
/** Of a batch header that its CRC does not cover: base offset, length, leader epoch, magic. */
const UNCHECKED_BYTES = 17;
const LEADER_EPOCH_AT = 12;

const refused = { errorName: expect.stringMatching(/^(KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE)$/) };

interface Flip {
  readonly path: string;
  readonly position: number;
  readonly bit: number;
  /** The byte in its batch, and where that begins by its own account; null: not in a .log. */
  readonly inBatch: { readonly at: number; readonly offset: number } | null;
}

/** Bits that turn over at rest. */
export abstract class LogRunDamage extends LogRunOperations {
  protected readonly damages: Operations = { 'flip a bit': [4, () => this.flipBit()] };

  /**
   * After a clean end one bit turns over. Whoever reads the log then, as a client does, gets what was written, in order and without a record left
   * out, or an error, or bytes whose CRC it refuses; and comes to an end. All of it on a copy of the disk.
   */
  private async flipBit(): Promise<void> {
    if (!this.files.exists(FOLDER)) return;
    await closeStore(this.store);
    this.model.durable = this.model.end;
    this.model.checkpointed = this.model.start;
    const flip = this.anyFlip();
    if (flip) {
      this.note(`(bit ${flip.bit} of byte ${flip.position} of ${flip.path}, ${JSON.stringify(flip.inBatch)})`);
      const files = copyOf(this.files);
      files.flipBit(flip.path, flip.position, flip.bit);
      await this.readDamaged(files, flip);
    }
    this.reopen();
  }

  private anyFlip(): Flip | null {
    const names = this.files.list(FOLDER).filter((name) => name !== 'partition.metadata'); // else it is another topic's folder
    const kind = this.pick('.log', '.log', '.log', '.index', '.timeindex', '.snapshot', 'checkpoint');
    const name = this.pick(...names.filter((each) => each.endsWith(kind)));
    const path = `${FOLDER}/${name}`;
    const content = name === undefined ? Buffer.alloc(0) : this.files.read(path)!;
    if (content.byteLength === 0) return null;
    const bit = this.below(8);
    if (kind !== '.log') return { path, position: this.below(content.byteLength), bit, inBatch: null };
    const batches = batchesOf(content);
    const i = this.below(batches.length);
    const { offset, bytes } = batches[i]!;
    const begin = batches.slice(0, i).reduce((sum, batch) => sum + batch.bytes, 0);
    const at = this.below(this.pick(BASE_OFFSET_BYTES, UNCHECKED_BYTES, UNCHECKED_BYTES, bytes));
    return { path, position: begin + at, bit, inBatch: { at, offset } };
  }

  private async readDamaged(files: MemoryFiles, flip: Flip): Promise<void> {
    const clock: FakeClock = this.nextClock();
    const { log } = this.openOn(files, clock);
    const { start, end } = this.model;
    try {
      expect([log.logStartOffset, log.logEndOffset]).toEqual([start, end]);
    } catch (error) {
      if ((error as { errorName?: string }).errorName === undefined) throw error;
      expect(error).toMatchObject(refused);
      return;
    }
    for (let i = 0; i < 4; i++) await this.readAsClient(log, i === 0 ? start : start + this.below(end - start + 1), flip);
    if (!flip.inBatch) this.askDamaged(log);
  }

  private async readAsClient(log: PartitionLog, from: number, flip: Flip): Promise<void> {
    const expected = this.model.batches.filter((batch) => endOf(batch) > from);
    for (let offset = from; ; ) {
      let chunk: Awaited<ReturnType<typeof read>>;
      try {
        chunk = await read(log, offset, this.pick(1, 1000, 5000));
      } catch (error) {
        expect(error).toMatchObject(refused);
        return;
      }
      if (!chunk) break;
      for (const view = new BatchView(chunk.bytes); view.at < chunk.bytes.byteLength; view.next()) {
        if (!view.isWhole() || view.magic !== 2 || !view.crcMatches()) return; // a client refuses it
        if (this.isMovedFrom(expected[0], flip) && view.crc !== expected[0]!.crc) expected.shift();
        if (isAsWritten(view, expected[0], flip, this.compacted)) expected.shift();
        else if (!this.isMovedIntoGap(view, flip)) throw new Error(`read ${view.baseOffset}, which was not written so`);
      }
      if (chunk.nextOffset <= offset) throw new Error(`no progress at ${offset}`);
      offset = chunk.nextOffset;
      chunk.release();
    }
    if (this.isMovedFrom(expected[0], flip)) expected.shift();
    expect(expected).toEqual([]);
  }

  /** A batch whose base offset was moved before that of the reader, into a gap of a compacted log: this is not seen either. */
  private isMovedFrom(expected: ModelBatch | undefined, { inBatch }: Flip): boolean {
    return this.compacted && inBatch !== null && inBatch.at < BASE_OFFSET_BYTES && expected?.offset === inBatch.offset;
  }

  /** A batch before the start of a compacted log, whose base offset was moved behind it, into a gap: docs/durability.md says that this is not seen. */
  private isMovedIntoGap({ crc }: BatchView, { inBatch }: Flip): boolean {
    const was = this.model.batches.find(({ offset }) => offset === inBatch?.offset);
    return this.compacted && inBatch !== null && inBatch.at < BASE_OFFSET_BYTES && was?.crc === crc;
  }

  /** Indexes that are damaged are not believed. */
  private askDamaged(log: PartitionLog): void {
    const records = this.model.records();
    const timestamp = this.timestamp - this.below(10_000);
    const expected = records.find((record) => record.timestamp >= timestamp);
    expect(log.offsetForTimestamp(timestamp)?.offset).toBe(expected?.offset);
    if (this.model.start > this.model.firstSegment) return;
    expect(log.maxTimestamp()?.timestamp ?? -1).toBe(Math.max(-1, ...records.map((record) => record.timestamp)));
  }
}

function isAsWritten(view: BatchView, was: ModelBatch | undefined, { inBatch }: Flip, compacted: boolean): boolean {
  if (!was || view.crc !== was.crc) return false;
  const isFlipped = inBatch?.offset === was.offset;
  if (view.partitionLeaderEpoch !== was.leaderEpoch && !(isFlipped && inBatch.at >= LEADER_EPOCH_AT)) return false;
  // Where compaction has left gaps around a batch, another base offset can be one that it might have.
  return view.baseOffset === was.offset || (isFlipped && compacted && inBatch.at < BASE_OFFSET_BYTES);
}

function copyOf(files: MemoryFiles): MemoryFiles {
  const copy = memoryFiles();
  copy.makeDirectory(FOLDER);
  for (const folder of ['/data', FOLDER])
    for (const name of files.list(folder)) {
      if (!files.isDirectory(`${folder}/${name}`)) copy.replace(`${folder}/${name}`, files.read(`${folder}/${name}`)!);
    }
  return copy;
}
