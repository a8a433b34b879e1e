import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { inTurns, othersTurn } from '../core/turns.ts';
import { type BatchView, eachBatch } from '../protocol/records/batch.ts';
import { CODEC_NONE, CODEC_ZSTD, codecOf, MAX_DECOMPRESSED_BYTES } from '../protocol/records/compression.ts';
import { DownConversion } from '../protocol/records/legacy-down.ts';
import { decompressUpTo, MAX_SYNC_COMPRESS_BYTES, MAX_SYNC_PLAIN_BYTES } from '../storage/batch-preparation.ts';
import { BYTES_PER_TURN } from '../storage/legacy-preparation.ts';
import { PreparationSlots } from '../storage/preparation-slots.ts';

const TURN_MS = 10;

/** Converts what is read from logs for clients that know no record batches. Large batches are converted in parts, few of them at once in a broker. */
export class DownConverter {
  private readonly clock: Clock;
  private readonly slots = new PreparationSlots();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * The batches as a message set. It is no larger than they are, unless the first alone is: what goes beyond is cut off, be it in the middle of a
   * message, which readers pass over. Control batches are left out; what comes behind a zstd batch, too.
   * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE when the first is a zstd batch, CORRUPT_MESSAGE when it is damaged, MESSAGE_TOO_LARGE for a
   * batch that no reader could take
   */
  async convert(batches: Buffer, magic: 0 | 1, fromOffset: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let room = batches.byteLength;
    let sinceMs = this.clock.monotonicMs();
    for (const batch of eachBatch(batches)) {
      // Their messages get checksums of their own, which would say of damage that it is sound. What is before it is sent.
      if (!batch.crcMatches()) {
        if (parts.length > 0) break;
        throw new KafkaError('CORRUPT_MESSAGE', `The record batch at offset ${batch.baseOffset} is damaged`);
      }
      if (batch.isControl) continue;
      if (batch.codecId === CODEC_ZSTD) {
        if (parts.length > 0) break;
        throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', 'Down-conversion of zstandard-compressed batches is not supported');
      }
      const converted = await this.convertBatch(batch, magic, fromOffset);
      if (converted.byteLength === 0) continue;
      if (parts.length === 0) room = Math.max(room, converted.byteLength);
      parts.push(converted.byteLength <= room ? converted : converted.subarray(0, room));
      room -= converted.byteLength;
      if (room <= 0) break;
      if (this.clock.monotonicMs() - sinceMs < TURN_MS) continue;
      await othersTurn(this.clock);
      sinceMs = this.clock.monotonicMs();
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  private convertBatch(batch: BatchView, magic: 0 | 1, fromOffset: number): Buffer | Promise<Buffer> {
    const isCompressed = batch.codecId !== CODEC_NONE;
    const plain = decompressUpTo(batch, isCompressed ? MAX_SYNC_COMPRESS_BYTES : MAX_SYNC_PLAIN_BYTES);
    if (!plain) return this.convertLater(batch, magic, fromOffset);
    const conversion = new DownConversion(batch, plain, magic, fromOffset);
    conversion.go(Number.POSITIVE_INFINITY);
    const { messages } = conversion;
    return isCompressed && messages.byteLength > 0 ? conversion.wrapped(codecOf(batch.codecId).compress(messages)) : messages;
  }

  private async convertLater(batch: BatchView, magic: 0 | 1, fromOffset: number): Promise<Buffer> {
    const giveBack = await new Promise<() => void>((resolve) => this.slots.take(resolve));
    try {
      const codec = codecOf(batch.codecId);
      const conversion = new DownConversion(batch, await codec.decompressAsync(batch.payload(), MAX_DECOMPRESSED_BYTES), magic, fromOffset);
      await inTurns(this.clock, conversion, BYTES_PER_TURN);
      const { messages } = conversion;
      return codec.id !== CODEC_NONE && messages.byteLength > 0 ? conversion.wrapped(await codec.compressAsync(messages)) : messages;
    } finally {
      giveBack();
    }
  }
}
