import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkConformance } from '../../src/conformance/conformance.ts';
import { KNOWN_DIFFERENCES } from '../../src/conformance/known-differences.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import { apiOf, unfoldTranscripts } from '../../src/conformance/stored-transcripts.ts';
import { askTarget } from '../../src/conformance/target.ts';
import { loadTranscripts } from '../../src/conformance/transcript-files.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import {
  CreateTopics,
  DescribeConfigs,
  DescribeGroups,
  DescribeTopicPartitions,
  Fetch,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
} from '../../src/protocol/messages/index.ts';
import { encoded, type Fault, faultyTransport, type Response } from './faulty-transport.ts';

/*
 * A minikafka that is broken on purpose, one fault at a time: the runner has to find each of them, and to say where it is. Each plays only what is
 * concerned, at the one version that has the fault.
 */
interface Case extends Fault {
  /** Scenarios that are played. */
  readonly played: string;
  /** Where the difference has to be seen. */
  readonly field: RegExp;
}

let checks = 0;

const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const eachPartition =
  (list: string, partitions: string, change: (partition: Response) => void) =>
  (response: Response): void => {
    for (const topic of response[list]) topic[partitions].forEach(change);
  };

const FAULTS: Readonly<Record<string, Case>> = {
  'a wrong error code': {
    api: Produce,
    version: 7,
    played: 'Produce: ',
    field: /^responses\..*\.errorCode$/,
    change: eachPartition('responses', 'partitionResponses', (each) => {
      if (each.errorCode === 3) each.errorCode = 5;
    }),
  },
  'an error where there is none': {
    api: Heartbeat,
    version: 2,
    played: 'Heartbeat: in each state',
    field: /^errorCode$/,
    change: (response) => {
      if (response.errorCode === 0) response.errorCode = 27;
    },
  },
  'null in place of a value': {
    api: Metadata,
    version: 7,
    played: 'Metadata: by name',
    field: /^clusterId$/,
    change: (response) => {
      response.clusterId = null;
    },
  },
  'a field that is missing': {
    api: CreateTopics,
    version: 6,
    played: 'CreateTopics: creating',
    field: /^topics\..*configs/,
    change: (response) => {
      for (const topic of response.topics) topic.configs = null;
    },
  },
  'an offset off by one': {
    api: ListOffsets,
    version: 5,
    played: 'ListOffsets: special timestamps',
    field: /^topics\..*\.offset$/,
    change: eachPartition('topics', 'partitions', (each) => {
      if (each.offset > 0) each.offset++;
    }),
  },
  'a base offset off by one': {
    api: Produce,
    version: 9,
    played: 'Produce: appending',
    field: /^responses\..*\.baseOffset$/,
    change: eachPartition('responses', 'partitionResponses', (each) => {
      if (each.errorCode === 0) each.baseOffset++;
    }),
  },
  'a high watermark that lags': {
    api: Fetch,
    version: 11,
    played: 'Fetch: reading',
    field: /^responses\..*\.highWatermark$/,
    change: eachPartition('responses', 'partitions', (each) => {
      if (each.highWatermark > 0) each.highWatermark--;
    }),
  },
  'a partition that comes twice': {
    api: Metadata,
    version: 9,
    played: 'Metadata: by name',
    field: /^topics\..*partitions\.0 #2$/,
    change: (response) => {
      for (const topic of response.topics)
        if (topic.partitions[0]) topic.partitions.push(topic.partitions.find((each: Response) => each.partitionIndex === 0));
    },
  },
  'partitions in the wrong order, where the order counts': {
    api: DescribeTopicPartitions,
    version: 0,
    played: 'DescribeTopicPartitions: by name',
    field: /^topics\..*partitionIndex$/,
    change: (response) => {
      for (const topic of response.topics) topic.partitions.reverse();
    },
  },
  'a throttle that is none': {
    api: Heartbeat,
    version: 4,
    played: 'Heartbeat: in each state',
    field: /^throttleTimeMs$/,
    change: (response) => {
      response.throttleTimeMs = 1;
    },
  },
  'a wrong coordinator': {
    api: FindCoordinator,
    version: 3,
    played: 'FindCoordinator: ',
    field: /^nodeId$/,
    change: (response) => {
      if (response.errorCode === 0) response.nodeId = 2;
    },
  },
  'a version that is advertised and not served': {
    api: Heartbeat,
    version: 3,
    played: 'Heartbeat: in each state',
    field: /^outcome$/,
    frame: () => null,
  },
  'a timestamp of another record': {
    api: Fetch,
    version: 12,
    played: 'Fetch: reading',
    field: /records\.0\.baseTimestamp$/,
    change: eachPartition('responses', 'partitions', ({ records }) => {
      if (records?.byteLength > 61) records.writeBigInt64BE(records.readBigInt64BE(27) + 1n, 27);
    }),
  },
  'a wrong CRC': {
    api: Fetch,
    version: 6,
    played: 'Fetch: reading',
    field: /records\.0\.crc$/,
    change: eachPartition('responses', 'partitions', ({ records }) => {
      if (records?.byteLength > 61) records.writeUInt32BE((records.readUInt32BE(17) ^ 1) >>> 0, 17);
    }),
  },
  'a wrong correlation id': {
    api: OffsetCommit,
    version: 6,
    played: 'OffsetCommit: ',
    field: /^outcome$/,
    frame: (frame) => {
      frame.writeInt32BE(frame.readInt32BE(0) + 1000);
      return frame;
    },
  },
  'the layout of another version': {
    api: DescribeGroups,
    version: 2,
    played: 'DescribeGroups: ',
    field: /^$/, // the response as a whole
    frame: (frame) =>
      encoded(DescribeGroups, 5, frame.readInt32BE(0), {
        groups: [{ errorCode: 0, groupId: 'g', groupState: 'Empty', protocolType: '', protocolData: '', members: [] }],
      }),
  },
  'bytes behind the response': {
    api: OffsetFetch,
    version: 5,
    played: 'OffsetFetch: ',
    field: /^$/,
    frame: (frame) => Buffer.concat([frame, Buffer.of(0)]),
  },
  'an id that is none': {
    api: Metadata,
    version: 11,
    played: 'Metadata: by name',
    field: /^topics\..*topicId$/,
    change: (response) => {
      for (const topic of response.topics) topic.topicId = ZERO_ID;
    },
  },
  'another default': {
    api: DescribeConfigs,
    version: 3,
    played: 'DescribeConfigs: of a topic',
    field: /configs\.segment\.ms\.value$/,
    change: (response) => {
      for (const { configs } of response.results) for (const each of configs) if (each.name === 'segment.ms') each.value = '1';
    },
  },
  'a generation off by one': {
    api: JoinGroup,
    version: 6,
    played: 'JoinGroup: one member',
    field: /^generationId$/,
    change: (response) => {
      if (response.generationId >= 0) response.generationId++;
    },
  },
};

let broker: RunningBroker;
beforeAll(async () => {
  broker = await startBroker({ config: { 'log.retention.ms': -1 } });
});
afterAll(() => broker.close());

async function check({ api, version, played }: Pick<Case, 'api' | 'version' | 'played'>, fault: Fault | null) {
  const transport = faultyTransport(tcpTransport, fault);
  const scenarios = SCENARIOS.filter(({ name }) => name.startsWith(played) && !name.endsWith(': malformed requests'));
  const recorded = unfoldTranscripts(loadTranscripts([...new Set([...scenarios.map(({ name }) => apiOf(name)), 'DescribeConfigs'])]));
  const target = await askTarget(tcpTransport, realClock, { host: 'localhost', port: broker.port });
  return checkConformance({ transport, clock: realClock }, target, recorded, {
    against: '4.4.0',
    scenarios,
    wanted: (apiKey, at) => apiKey === api.key && at === version,
    known: KNOWN_DIFFERENCES,
    disturb: false,
    atOnce: 4,
    scenarioTimeoutMs: 20_000,
    timeoutMs: 20_000,
    runId: `faults-${++checks}-`, // a broker remembers for some seconds what a client sent: quotas would see two runs as one
    signal: new AbortController().signal,
  });
}

const shownOf = (found: { path: string; expected: unknown; actual: unknown }[]) =>
  found.map(({ path, expected, actual }) => ({ path, expected, actual }));

test.each(Object.entries(FAULTS))('%s is found where it is, and only there', async (_, fault) => {
  const { found, versions, runs, leftovers } = await check(fault, fault);
  const unexplained = found.filter(({ kind }) => kind === 'unexplained');
  expect(runs.length).toBeGreaterThan(0);
  expect(new Set(unexplained.map(({ api, version }) => `${api} v${version}`))).toEqual(new Set([`${fault.api.name} v${fault.version}`]));
  expect(unexplained.map(({ path }) => path)).toContainEqual(expect.stringMatching(fault.field));
  expect(versions).toMatchObject([{ api: fault.api.name, version: fault.version, status: 'differs', unexplained: unexplained.length }]);
  expect(leftovers).toEqual({ topics: [], groups: [] });
});

const whole = Object.values(FAULTS).map(({ api, version, played }) => ({ api, version, played }));
test.each(whole)('without a fault there is nothing to be found: $played v$version', async (place) => {
  const { found, versions } = await check(place, null);
  expect(shownOf(found.filter(({ kind }) => kind === 'unexplained'))).toEqual([]);
  expect(versions).toMatchObject([{ status: expect.stringMatching(/^(pass|known)$/) }]);
});
