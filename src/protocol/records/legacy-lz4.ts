import { lz4FrameOf, lz4Parts } from './compression/lz4-frame.ts';

/**
 * KAFKA-3160: clients of magic 0 compute the checksum of an lz4 frame's head over too much, its magic number too; brokers do not look at it there,
 * and write it like that, since such clients do. In magic 1 frames are as they should be.
 */
const CHECKSUM_AT = 6;
/** That checksum of the head that the lz4 codec writes: independent blocks of 64 KiB, no sizes. */
const WRONG_CHECKSUM = 0x1a;

/** The frame with the right checksum in its head, whatever it had. @throws KafkaError INVALID_RECORD as `lz4Parts` */
export function fromMagic0Lz4(frame: Buffer): Buffer {
  return lz4FrameOf(frame, lz4Parts(frame, Number.POSITIVE_INFINITY)[0]!);
}

/** Makes a frame of the lz4 codec one that a client of magic 0 reads. */
export function toMagic0Lz4(frame: Buffer): Buffer {
  frame[CHECKSUM_AT] = WRONG_CHECKSUM;
  return frame;
}
