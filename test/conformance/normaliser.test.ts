import { expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { Normaliser } from '../../src/conformance/normaliser.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';

const clock = fakeClock();
const normaliser = () => new Normaliser(clock, [9092], 'run-v1-');
const ID = 'abcdefghijklmnopqrstuv';
const OTHER_ID = 'vutsrqponmlkjihgfedcba';
const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';

test('an id has the same placeholder wherever it appears, and another id has another', () => {
  const producers = [4000, 4001, 4000].map((producerId) => ({ producerId }));
  expect(normaliser().normalise('X', { producers })).toEqual({
    producers: [{ producerId: '<producer id 1>' }, { producerId: '<producer id 2>' }, { producerId: '<producer id 1>' }],
  });
});

test('an id that was learned is called by its name, also as the key of an element', () => {
  const learned = normaliser();
  learned.learn(ID, 'id of ~a');
  expect(learned.normalise('Produce', { responses: [OTHER_ID, ID].map((topicId) => ({ name: '', topicId })) })).toEqual({
    responses: { '<id of ~a>': { name: '', topicId: '<id of ~a>' }, '<topic id>': { name: '', topicId: '<topic id>' } },
  });
});

test('what means "none" stays visible: zero ids, -1, session 0, null', () => {
  const none = { topicId: ZERO, producerId: -1, sessionId: 0, finalizedFeaturesEpoch: -1, clusterId: null, port: -1 };
  expect(normaliser().normalise('X', none)).toEqual(none);
});

test('only the port of this broker and times near now are replaced', () => {
  const now = clock.now();
  expect(normaliser().normalise('X', { port: 9092, timestamp: now - 1000, logAppendTimeMs: now })).toEqual({
    port: '<port>',
    timestamp: '<now>',
    logAppendTimeMs: '<now>',
  });
  const kept = { port: 9093, timestamp: 1_700_000_000_000, logAppendTimeMs: -1 };
  expect(normaliser().normalise('X', kept)).toEqual(kept);
});

test('member ids keep what comes before their uuid', () => {
  const memberId = 'conformance-0f8fad5b-d9cb-469f-a165-70867728950e';
  expect(normaliser().normalise('JoinGroup', { leader: memberId, members: [{ memberId }] })).toEqual({
    leader: 'conformance-<uuid 1>',
    members: { 'conformance-<uuid 1>': { memberId: 'conformance-<uuid 1>' } },
  });
});

test('arrays whose order means nothing compare by key, and equal keys are told apart', () => {
  const topics = (...names: string[]) => ({ topics: names.map((name) => ({ name, topicId: ZERO })) });
  const forward = normaliser().normalise('Metadata', topics('run-v1-a', 'run-v1-b', 'run-v1-a'));
  expect(forward).toEqual(normaliser().normalise('Metadata', topics('run-v1-b', 'run-v1-a', 'run-v1-a')));
  expect(Object.keys((forward as { topics: object }).topics)).toEqual(['~a', '~a #2', '~b']);
});

test('arrays of which the order is not known to be meaningless keep it', () => {
  expect(normaliser().normalise('Metadata', { isrNodes: [3, 1, 2] })).toEqual({ isrNodes: [3, 1, 2] });
});

test("a broker's own configs are hidden, and whether they are set is not", () => {
  const config = (value: string | null) => ({ configs: [{ name: 'log.dirs', value, readOnly: true }] });
  expect(normaliser().normalise('X', config('/tmp/a'))).toEqual({ configs: [{ name: 'log.dirs', value: '<own>', readOnly: true }] });
  expect(normaliser().normalise('X', config(null))).toEqual(config(null));
});

test('records are shown batch by batch, with whether their checksum is right', () => {
  const good = batchBytes({ values: ['x'], baseOffset: 5 });
  const bad = batchBytes({ values: ['x'], crc: 1 });
  const { records } = normaliser().normalise('Fetch', { records: Buffer.concat([good, bad, good.subarray(0, 65)]) }) as {
    records: object[];
  };
  expect(records).toMatchObject([
    { baseOffset: 5, crc: 'right', count: 1, payload: '0e00000001027800' },
    { crc: 'wrong' },
    'a part of a batch',
  ]);
  const short = Buffer.from(good);
  short.writeInt32BE(3, 8);
  expect(normaliser().normalise('Fetch', { records: short })).toEqual({ records: ['a part of a batch'] });
  expect(normaliser().normalise('Fetch', { records: null })).toEqual({ records: null });
});

test('what is only shown gives no placeholders, and has those that there are', () => {
  const shows = normaliser();
  expect(shows.show({ producerId: 7, memberId: 'm-0f8fad5b-d9cb-469f-a165-70867728950e' })).toEqual({
    producerId: '<producer id>',
    memberId: 'm-<uuid>',
  });
  expect(shows.normalise('X', { producerId: 8 })).toEqual({ producerId: '<producer id 1>' });
  expect(shows.show({ producerId: 8 })).toEqual({ producerId: '<producer id 1>' });
});

test('ids that count different things are told apart, and a partition is no producer', () => {
  const normal = normaliser().normalise('OffsetCommit', {
    producerId: 1,
    sessionId: 1,
    topics: [{ name: 'x', partitions: [{ partitionIndex: 1 }] }],
  });
  expect(normal).toMatchObject({
    producerId: '<producer id 1>',
    sessionId: '<session id 1>',
    topics: { x: { partitions: { 1: { partitionIndex: 1 } } } },
  });
});

test('a broker elsewhere looks like the one that was recorded', () => {
  const self = { nodeId: 5, host: 'kafka.example', port: 9094, rack: 'r1' };
  const elsewhere = new Normaliser(clock, [self.port], 'run-v1-', self);
  expect(elsewhere.normalise('Metadata', { brokers: [{ host: 'kafka.example', port: 9094, rack: 'r1' }] })).toEqual({
    brokers: [{ host: 'localhost', port: '<port>', rack: null }],
  });
  expect(elsewhere.normalise('Metadata', { brokers: [{ host: 'other', port: 9095, rack: 'r2' }] })).toEqual({
    brokers: [{ host: 'other', port: 9095, rack: 'r2' }],
  });
});

test('how large a volume is, is its own; that it is not known stays visible', () => {
  expect(normaliser().normalise('X', { totalBytes: 5, usableBytes: -1 })).toEqual({ totalBytes: '<bytes>', usableBytes: -1 });
});
