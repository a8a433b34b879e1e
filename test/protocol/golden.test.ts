import { deepStrictEqual } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/protocol/codec.ts';
import { readApiKey, readResponseHeader, readRestOfHeader, writeRequestHeader, writeResponseHeader } from '../../src/protocol/frame.ts';
import { APIS } from '../../src/protocol/messages/index.ts';
import { Reader, Writer } from '../../src/protocol/wire.ts';
import { decode } from '../support/interpreter.ts';
import { kafkaMessages } from '../support/schema-files.ts';
import { type DeclaredFrame, declaredFrames, goldenFrames } from '../support/schema-golden.ts';

/** APIs that clients were captured with and that the project does not declare yet, and the number of their frames. */
const NOT_DECLARED = {
  AlterUserScramCredentials: 2,
  ConsumerGroupHeartbeat: 8,
  DescribeUserScramCredentials: 2,
};

const frames = goldenFrames();
const ours = declaredFrames(frames);
const kafkaApis = kafkaMessages('api');

function decodeAndEncode(frame: DeclaredFrame): { body: unknown; bodyStart: number; again: Buffer } {
  const codec = compile(frame.message, frame.version);
  const reader = new Reader(frame.bytes);
  const writer = new Writer();
  if (frame.kind === 'request') {
    const header = { ...readApiKey(reader), ...readRestOfHeader(reader, frame.flexibleHeader) };
    expect(header).toMatchObject({ apiKey: frame.api.key, apiVersion: frame.version });
    writeRequestHeader(writer, header, frame.flexibleHeader);
  } else {
    writeResponseHeader(writer, readResponseHeader(reader, frame.flexibleHeader), frame.flexibleHeader);
  }
  const bodyStart = reader.at;
  const body = codec.decode(reader);
  expect(reader.left(), 'bytes left behind the body').toBe(0);
  codec.encode(writer, body);
  return { body, bodyStart, again: writer.finish() };
}

describe.each(APIS)('$name', ({ name }) => {
  const own = ours.filter(({ apiName }) => apiName === name);

  test('has golden frames of both kinds', () => {
    expect(own.filter(({ kind }) => kind === 'request').length).toBeGreaterThan(0);
    expect(own.filter(({ kind }) => kind === 'response').length).toBeGreaterThan(0);
  });

  test.each(own)('$label is decoded as Kafka means it, and encoded as it came', (frame) => {
    const { body, bodyStart, again } = decodeAndEncode(frame);
    deepStrictEqual(body, decode(kafkaApis.get(frame.message.name)!, frame.version, frame.bytes.subarray(bodyStart)));
    expect(again.toString('hex')).toBe(frame.bytes.toString('hex'));
  });
});

test('every golden frame is of a declared API or counted as of one that is not declared yet', () => {
  const folder = new URL('../golden/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  const lines = files.flatMap((file) => readFileSync(new URL(file, folder), 'utf8').trim().split('\n'));
  const counted: Record<string, number> = {};
  for (const { apiName } of frames) if (!APIS.some(({ name }) => name === apiName)) counted[apiName] = (counted[apiName] ?? 0) + 1;
  expect(counted).toEqual(NOT_DECLARED);
  expect(ours.length + Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(lines.length);
});
