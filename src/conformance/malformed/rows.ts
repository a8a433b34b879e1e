import { decodeBody } from '../../protocol/codec.ts';
import {
  ApiVersions,
  Fetch,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
  SyncGroup,
} from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { type Scenario, scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Json } from '../transcript.ts';
import { DUE_WITHIN_MS, replies, requestOf, UNTIL_CLOSED } from './conversation.ts';
import { NO_SUCH_THING } from './layout.ts';
import { framed, header } from './reactions.ts';

/** Versions that Apache Kafka 3.9 and 4.4 and all minikafkas speak. */
const AT = {
  produce: 8,
  fetch: 11,
  listOffsets: 5,
  metadata: 8,
  offsetCommit: 7,
  offsetFetch: 5,
  heartbeat: 3,
  joinGroup: 2,
  syncGroup: 1,
  leaveGroup: 1,
} as const;
const PARKED_MS = 300;

const NO_MEMBER = 'a member that does not exist';
const good = (correlationId: number): Buffer => requestOf(ApiVersions, 0, correlationId, {});
/** Closes the connection. */
const BAD: Readonly<Record<string, Buffer>> = {
  'an unknown key': framed(header({ apiKey: 999, apiVersion: 0 })),
  'an unknown version': framed(header({ apiKey: Metadata.key, apiVersion: 99 })),
  'a body that ends early': framed(Buffer.concat([header({ apiKey: Metadata.key, apiVersion: 1 }), Buffer.from('0000', 'hex')])),
  'a negative length': framed(Buffer.alloc(0), -1),
};
/** Is answered with an error, and the connection stays. */
const refused = (correlationId: number): Readonly<Record<string, Buffer>> => ({
  'a topic that does not exist': requestOf(Metadata, AT.metadata, correlationId, { topics: [{ name: NO_SUCH_THING }] }),
  [NO_MEMBER]: requestOf(Heartbeat, AT.heartbeat, correlationId, { groupId: 'none', generationId: 1, memberId: 'none' }),
  'ApiVersions of an unknown version': framed(
    Buffer.concat([header({ apiKey: ApiVersions.key, apiVersion: 99, correlationId }), Buffer.alloc(1)]),
  ),
});

const MEMBER = {
  sessionTimeoutMs: 6000,
  rebalanceTimeoutMs: 6000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.of(0) }],
};

export const rowScenarios: readonly Scenario[] = [
  scenario(
    ApiVersions,
    'pipelined requests around a bad one',
    async (stage) => {
      const closed: { [name: string]: Json } = {};
      for (const [name, bad] of Object.entries(BAD)) {
        closed[`${name}, in one write`] = await replies(stage, [Buffer.concat([good(1), good(2), bad, good(4)])], UNTIL_CLOSED);
        closed[`${name}, in writes of their own`] = await replies(stage, [good(1), good(2), bad, good(4)], UNTIL_CLOSED);
        closed[`${name}, first`] = await replies(stage, [Buffer.concat([bad, good(2)])], UNTIL_CLOSED);
      }
      stage.note('what closes the connection', closed);
      const answered: { [name: string]: Json } = {};
      for (const [name, request] of Object.entries(refused(2))) {
        answered[name] = await replies(stage, [Buffer.concat([good(1), request, good(3)])], 3);
      }
      stage.note('what is answered with an error', answered);
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'pipelined requests are answered in order',
    async (stage) => {
      const { name: topic } = await stage.topic('empty');
      const parked = (correlationId: number) => requestOf(Fetch, AT.fetch, correlationId, waiting(topic));
      const found: { [name: string]: Json } = {
        'a hundred at once': await replies(stage, [Buffer.concat(Array.from({ length: 100 }, (_, i) => good(i + 1)))], 100),
        'the same correlation id': await replies(stage, [Buffer.concat([good(5), good(5), good(5)])], 3),
        'correlation ids that fall, and negative ones': await replies(stage, [Buffer.concat([3, -1, 0, -(2 ** 31)].map(good))], 4),
        'one that waits before one that does not': await replies(stage, [Buffer.concat([parked(1), good(2)])], 2),
        'several that wait': await replies(stage, [Buffer.concat([parked(1), good(2), parked(3), good(4)])], 4),
        'one that waits before one that is answered with an error': await replies(
          stage,
          [Buffer.concat([parked(1), refused(2)[NO_MEMBER]!, good(3)])],
          3,
        ),
      };
      for (const [name, bad] of Object.entries(BAD)) {
        found[`one that waits before ${name}`] = await replies(stage, [Buffer.concat([parked(1), bad, good(3)])], UNTIL_CLOSED);
      }
      stage.note('found', found);
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'pipelined requests wait for a join',
    async (stage) => {
      const groupId = await stage.group('group');
      const first = await stage.ask(JoinGroup, AT.joinGroup, { groupId, memberId: '', ...MEMBER });
      const { memberId, generationId } = first;
      await stage.ask(SyncGroup, AT.syncGroup, { groupId, generationId, memberId, assignments: [{ memberId, assignment: Buffer.of(0) }] });
      // The second member's join is answered when the first has joined again.
      const connection = await stage.rawConnection();
      connection.send(
        requestOf(JoinGroup, AT.joinGroup, 1, { groupId, memberId: '', ...MEMBER }),
        good(2),
        refused(3)[NO_MEMBER]!,
        good(4),
      );
      await connection.settled(1, PARKED_MS);
      const before = connection.frames.length;
      await stage.ask(JoinGroup, AT.joinGroup, { groupId, memberId, ...MEMBER });
      await connection.settled(4, DUE_WITHIN_MS);
      const after = connection.frames.map((frame) => frame.readInt32BE(0)).join(', ');
      stage.note('found', { 'answers before the first member joins again': before, after });
      const second = connection.frames[0] && decodeBody(JoinGroup.response, AT.joinGroup, connection.frames[0].subarray(4));
      for (const leaving of [memberId, second?.memberId ?? '']) await stage.ask(LeaveGroup, AT.leaveGroup, { groupId, memberId: leaving });
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'pipelined requests behind a bad one are not done',
    async (stage) => {
      const rows: Record<string, (topic: string) => Buffer[]> = {};
      for (const [name, bad] of Object.entries(BAD)) {
        rows[`${name}, acks 1`] = (topic) => [produce(1, topic, 1), bad, produce(3, topic, 1)];
        rows[`${name}, acks 0`] = (topic) => [produce(1, topic, 0), bad, produce(3, topic, 0)];
      }
      // A Produce with acks 0 has no answer for its error: the connection is closed.
      rows['acks 0 into nothing, between acks 0'] = (topic) => [produce(1, topic, 0), produce(2, NO_SUCH_THING, 0), produce(3, topic, 0)];
      rows['acks 0 into nothing, between acks 1'] = (topic) => [produce(1, topic, 1), produce(2, NO_SUCH_THING, 0), produce(3, topic, 1)];
      let count = 0;
      for (const [name, row] of Object.entries(rows)) {
        const { name: topic } = await stage.topic(`log-${count++}`);
        const answers = await replies(stage, [Buffer.concat(row(topic))], UNTIL_CLOSED);
        stage.note(name, { answers, records: await recordsIn(stage, topic) });
      }
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'pipelined requests see what those before them did',
    async (stage) => {
      const { name: topic } = await stage.topic('log');
      const group = await stage.group('group');
      const partitions = [{ partitionIndex: 0, timestamp: -1 }];
      const latest = requestOf(ListOffsets, AT.listOffsets, 2, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] });
      const commit = requestOf(OffsetCommit, AT.offsetCommit, 1, {
        groupId: group,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 42, committedMetadata: 'm' }] }],
      });
      const fetch = requestOf(OffsetFetch, AT.offsetFetch, 2, { groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] });
      const endIn = (frame: Buffer) => decodeBody(ListOffsets.response, AT.listOffsets, frame).topics[0]?.partitions[0]?.offset;
      const committedIn = (frame: Buffer) =>
        decodeBody(OffsetFetch.response, AT.offsetFetch, frame).topics[0]?.partitions[0]?.committedOffset;
      stage.note('the end of a log behind a Produce', await second(stage, [produce(1, topic, 1), latest], endIn));
      stage.note('the end of a log behind a Produce with acks 0', await second(stage, [produce(1, topic, 0), latest], endIn));
      stage.note('a committed offset behind its commit', await second(stage, [commit, fetch], committedIn));
    },
    [0, 0],
  ),
];

const waiting = (topic: string) => ({
  maxWaitMs: PARKED_MS,
  minBytes: 1,
  topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
  forgottenTopicsData: [],
});

function produce(correlationId: number, topic: string, acks: number): Buffer {
  const partitionData = [{ index: 0, records: batchBytes({ values: [`record ${correlationId}`] }) }];
  return requestOf(Produce, AT.produce, correlationId, {
    transactionalId: null,
    acks,
    timeoutMs: 5000,
    topicData: [{ name: topic, partitionData }],
  });
}

/** How many records a topic of one partition has. One more is written first: when that one is there, so is all that was taken before it. */
async function recordsIn(stage: Stage, topic: string): Promise<number> {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batchBytes({ values: ['the last'] }) }] }];
  const { responses } = await stage.ask(Produce, AT.produce, { transactionalId: null, acks: 1, timeoutMs: 5000, topicData });
  return responses[0]?.partitionResponses[0]?.baseOffset ?? -1;
}

/** Of two requests in one write, what the answer to the second says. */
async function second(stage: Stage, row: readonly [Buffer, Buffer], show: (body: Buffer) => number | undefined): Promise<Json> {
  const connection = await stage.rawConnection();
  connection.send(...row);
  let answer: Buffer | undefined;
  for (let answers = 1; answers <= 2 && !answer && !connection.closed; answers++) {
    await connection.settled(answers, DUE_WITHIN_MS);
    answer = connection.frames.find((frame) => frame.readInt32BE(0) === 2);
  }
  connection.close();
  return (answer && show(answer.subarray(4))) ?? 'no answer';
}
