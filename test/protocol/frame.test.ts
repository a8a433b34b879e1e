import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FrameReader,
  readApiKey,
  readResponseHeader,
  readRestOfHeader,
  responseHeaderIsFlexible,
  writeRequestHeader,
  writeResponseHeader,
} from '../../src/protocol/frame.ts';
import { APIS, ApiVersions, Fetch } from '../../src/protocol/messages/index.ts';
import { DecodeError, Reader, Writer } from '../../src/protocol/wire.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('headers', () => {
  const header = { apiKey: 3, apiVersion: 9, correlationId: 7, clientId: 'me' };

  test.each<[string, boolean, string]>([
    ['v1', false, '0003 0009 00000007 0002 6d65'],
    ['v2 ends with a tag section, and its client id keeps the 16-bit length', true, '0003 0009 00000007 0002 6d65 00'],
  ])('request header %s', (_, flexible, text) => {
    const writer = new Writer();
    writeRequestHeader(writer, header, flexible);
    expect(writer.finish()).toEqual(hex(text));
    const reader = new Reader(hex(text));
    expect({ ...readApiKey(reader), ...readRestOfHeader(reader, flexible) }).toEqual(header);
    expect(reader.left()).toBe(0);
  });

  test('a null client id is the empty one', () => {
    expect(readRestOfHeader(new Reader(hex('00000007 ffff')), false)).toEqual({ correlationId: 7, clientId: '' });
  });

  test('tags in a header are passed over', () => {
    const reader = new Reader(hex('00000007 0000 02 00 02 abcd 07 00 55'));
    expect(readRestOfHeader(reader, true)).toEqual({ correlationId: 7, clientId: '' });
    expect(reader.left()).toBe(1);
    expect(readResponseHeader(new Reader(hex('00000007 01 00 01 ab')), true)).toBe(7);
  });

  test('response header v1 ends with a tag section', () => {
    for (const [flexible, text] of [
      [false, '00000007'],
      [true, '00000007 00'],
    ] as const) {
      const writer = new Writer();
      writeResponseHeader(writer, 7, flexible);
      expect(writer.finish()).toEqual(hex(text));
      expect(readResponseHeader(new Reader(hex(text)), flexible)).toBe(7);
    }
  });

  test('responses have header v1 from the first flexible version on, but never those of ApiVersions', () => {
    expect([responseHeaderIsFlexible(Fetch, 11), responseHeaderIsFlexible(Fetch, 12)]).toEqual([false, true]);
    for (const api of APIS) {
      expect(responseHeaderIsFlexible(api, api.versions[1])).toBe(api !== ApiVersions && api.flexibleFrom <= api.versions[1]);
    }
  });
});

/** A reader that keeps what it allocates, and copies each frame when it comes. */
function collecting(maxBytes = 1000) {
  const frames: Buffer[] = [];
  const allocated: number[] = [];
  let held = 0;
  const reader = new FrameReader(maxBytes, (length) => {
    allocated.push(length);
    held++;
    return { bytes: Buffer.alloc(length, 0xee), release: () => void held-- };
  });
  const push = (chunk: Uint8Array): void =>
    reader.push(chunk, (bytes, release) => {
      frames.push(Buffer.from(bytes));
      release();
    });
  return { frames, allocated, push, held: () => held };
}

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.byteLength);
  return Buffer.concat([length, body]);
}

describe('the frame reader', () => {
  test('gives the same frames however the stream is cut into chunks', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 });
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(bodies, cuts, fc.boolean(), (frames, lengths, plainArrays) => {
        const stream = Buffer.concat(frames.map(framed));
        const reader = collecting();
        for (let at = 0, i = 0; at < stream.byteLength; i++) {
          const length = lengths[i % lengths.length]!;
          const chunk = Buffer.from(stream.subarray(at, at + length));
          reader.push(plainArrays ? new Uint8Array(chunk) : chunk);
          at += length;
        }
        expect(reader.frames.map((frame) => frame.toString('hex'))).toEqual(frames.map((frame) => Buffer.from(frame).toString('hex')));
        expect(reader.held()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('copies a small frame out of its chunk, whose memory may be used again, without taking a buffer', () => {
    const chunk = Buffer.concat([framed(hex('aabb')), framed(hex('cc'))]);
    const allocated: number[] = [];
    const reader = new FrameReader(100, (length) => {
      allocated.push(length);
      return { bytes: Buffer.alloc(length), release: () => {} };
    });
    const frames: Buffer[] = [];
    reader.push(chunk, (bytes) => frames.push(bytes));
    chunk.fill(0x11);
    expect(frames.map((frame) => frame.toString('hex'))).toEqual(['aabb', 'cc']);
    expect(allocated).toEqual([]);
  });

  test('allocates once for a frame of several chunks, of its exact size, and gives it away when it is whole', () => {
    const reader = collecting();
    const stream = framed(Buffer.alloc(10, 5));
    reader.push(stream.subarray(0, 7));
    reader.push(stream.subarray(7, 13));
    expect([reader.allocated, reader.frames.length, reader.held()]).toEqual([[10], 0, 1]);
    reader.push(stream.subarray(13));
    expect([reader.allocated, reader.frames, reader.held()]).toEqual([[10], [Buffer.alloc(10, 5)], 0]);
  });

  test('takes memory for a large frame as its bytes come, not as its length promises', () => {
    const MIB = 2 ** 20;
    const reader = collecting(100 * MIB);
    const frame = Buffer.alloc(5 * MIB, 'minikafka');
    const stream = framed(frame);
    reader.push(stream.subarray(0, 8));
    expect(reader.allocated).toEqual([MIB]);
    reader.push(stream.subarray(8, 3 * MIB));
    expect([reader.allocated, reader.held()]).toEqual([[MIB, 2 * MIB, 4 * MIB], 1]);
    reader.push(stream.subarray(3 * MIB));
    expect([reader.allocated.at(-1), reader.held()]).toEqual([5 * MIB, 0]);
    expect(reader.frames[0]!.equals(frame)).toBe(true);
  });

  test('takes a frame of exactly the limit, and refuses the next byte before allocating for it', () => {
    const reader = collecting(16);
    reader.push(framed(Buffer.alloc(16)));
    expect(reader.frames).toHaveLength(1);
    expect(() => reader.push(hex('00000011'))).toThrow(DecodeError);
    expect(reader.allocated).toEqual([]);
  });

  test.each(['ffffffff', '80000000', '7fffffff', '474554 20'])(
    'refuses the length %s before allocating for it, also when it comes bytewise',
    (text) => {
      const whole = collecting();
      expect(() => whole.push(hex(text))).toThrow(DecodeError);
      const bytewise = collecting();
      expect(() => {
        for (const byte of hex(text)) bytewise.push(Buffer.from([byte]));
      }).toThrow(DecodeError);
      expect([whole.allocated, bytewise.allocated]).toEqual([[], []]);
    },
  );

  test('gives the frames before a bad length', () => {
    const reader = collecting();
    expect(() => reader.push(Buffer.concat([framed(hex('aa')), hex('ffffffff')]))).toThrow(DecodeError);
    expect(reader.frames).toEqual([hex('aa')]);
  });

  test('gives an empty frame at once', () => {
    const reader = collecting();
    reader.push(hex('00000000 000000'));
    reader.push(hex('00'));
    expect(reader.frames).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
    expect(reader.allocated).toEqual([]);
  });
});
