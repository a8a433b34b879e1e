import {
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeClientQuotas,
  DescribeCluster,
  DescribeConfigs,
  Fetch,
  FindCoordinator,
  ListGroups,
  ListOffsets,
  Metadata,
  OffsetFetch,
  Produce,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { append, at, FETCH_MODERN, of, request } from './fetch-support.ts';
import { one, PRODUCE_MODERN } from './produce-support.ts';
import { withQuotas } from './quota-support.ts';
import { newTopic, ZERO } from './topic-support.ts';

/** Large beside what the names in a request add, which differ between runs. */
const BATCH_BYTES = 50_000;
const large = batchBytes({ values: ['x'.repeat(BATCH_BYTES)] });
/** A rate at which one such batch means half a second of waiting: rates count over ten seconds at first. */
const HALF_A_SECOND = Math.round((BATCH_BYTES + 150) / 10.5);

type Throttled = { readonly throttleTimeMs: number };
/** The time to wait to a tenth of a second, as it hangs on lengths of names. */
const tenths = <T extends Throttled>(response: T) => ({ ...response, throttleTimeMs: Math.round(response.throttleTimeMs / 100) / 10 });
/** Where it hangs on the time that has passed. */
const throttled = <T extends Throttled>({ throttleTimeMs, ...response }: T) => ({ ...response, isThrottled: throttleTimeMs > 0 });

/** Whether the broker looks at what comes on a connection within a time in which it answers others. */
async function lookAtMuted(stage: Pick<Stage<never, never>, 'ask' | 'stepOf' | 'pause'>, on: string): Promise<void> {
  let isAnswered = false;
  const waiting = stage.ask(ApiVersions, 0, {}, on).then(
    () => {
      isAnswered = true;
    },
    () => {},
  );
  await stage.pause(200);
  const wasAnswered = isAnswered;
  await waiting;
  await stage.stepOf(ApiVersions, 0, 'meanwhile, on the same connection', {}, ({ errorCode }) => ({ errorCode, wasAnswered, isAnswered }));
}

const recordsOf = ({ throttleTimeMs, errorCode, sessionId, responses }: ResponseOf<typeof Fetch>) => ({
  isThrottled: throttleTimeMs > 0,
  errorCode,
  sessionId,
  batches: responses.map(({ partitions }) => partitions.map(({ records }) => Math.floor((records?.byteLength ?? 0) / BATCH_BYTES))),
});

/** At this rate there is room for 2.64 partitions; the third is owed for a second and a half. */
const TWO_AT_HAND = { controller_mutation_rate: 0.24 };
const TOO_MANY = 3;

/*
 * Apache Kafka's broker asks its controller for all that clients ask for, and waits itself when it is told to wait: so others wait, too. Who is not
 * refused is told to wait, which these scenarios would wait for.
 */
const disturbs = { disturbs: true } as const;

const creating = (stage: Stage<never, never>, app: string) => (step: string, own: string, numPartitions: number, validateOnly: boolean) => {
  const topics = [newTopic(stage.name(own), { numPartitions })];
  return stage.stepOf(CreateTopics, stage.version, step, { topics, timeoutMs: 5000, validateOnly }, throttled, `as ${app}`);
};

const mutationScenarios = [
  scenario(
    CreateTopics,
    'beyond controller_mutation_rate',
    async (stage) => {
      const app = stage.name('app');
      const create = creating(stage as unknown as Stage<never, never>, app);
      await withQuotas(stage, [app], TWO_AT_HAND, async () => {
        await create('more than are at hand', 'a', TOO_MANY, false);
        if (stage.version >= 6) await create('while some are owed', 'b', 1, false);
      });
    },
    [2, 7],
    disturbs,
  ),

  scenario(
    CreateTopics,
    'beyond controller_mutation_rate, what is only validated',
    async (stage) => {
      const app = stage.name('app');
      const create = creating(stage as unknown as Stage<never, never>, app);
      await withQuotas(stage, [app], TWO_AT_HAND, async () => {
        await create('more than are at hand', 'a', TOO_MANY, true);
        await create('while some are owed for that', 'b', 1, false);
      });
    },
    [6, 7],
    disturbs,
  ),

  scenario(
    CreatePartitions,
    'beyond controller_mutation_rate',
    async (stage) => {
      const app = stage.name('app');
      const { name } = await stage.topic('a');
      const grow = (step: string, count: number) => {
        const topics = [{ name, count, assignments: null }];
        return stage.stepOf(
          CreatePartitions,
          stage.version,
          step,
          { topics, timeoutMs: 5000, validateOnly: false },
          throttled,
          `as ${app}`,
        );
      };
      await withQuotas(stage, [app], TWO_AT_HAND, async () => {
        await grow('what is no growth costs nothing', 1);
        await grow('more than are at hand', 1 + TOO_MANY);
        if (stage.version >= 3) await grow('while some are owed', 2 + TOO_MANY);
      });
    },
    CreatePartitions.versions,
    disturbs,
  ),

  scenario(
    DeleteTopics,
    'beyond controller_mutation_rate',
    async (stage) => {
      const app = stage.name('app');
      const topics = [await stage.topic('a', { partitions: TOO_MANY }), await stage.topic('b')];
      const remove = (step: string, index: number) => {
        const { name } = topics[index]!;
        const body = { topicNames: [name], topics: [{ name, topicId: ZERO }], timeoutMs: 5000 };
        return stage.stepOf(DeleteTopics, stage.version, step, body, throttled, `as ${app}`);
      };
      await withQuotas(stage, [app], TWO_AT_HAND, async () => {
        await remove('more than are at hand', 0);
        if (stage.version >= 5) await remove('while some are owed', 1);
      });
    },
    [1, 6],
    disturbs,
  ),
];

export const throttlingScenarios = [
  scenario(
    Produce,
    'beyond producer_byte_rate',
    async (stage) => {
      const [app, silent, other] = [stage.name('app'), stage.name('silent'), stage.name('other')];
      const topic = await stage.topic('a');
      const produce = (name: string, clientId: string, acks = -1) =>
        stage.stepOf(Produce, stage.version, name, one(topic, large, acks), clientId === app ? tenths : throttled, `as ${clientId}`);
      await produce('another client', other);
      await withQuotas(stage, [app], { producer_byte_rate: HALF_A_SECOND }, async () => {
        await produce('acks=-1', app);
        await lookAtMuted(stage, `as ${app}`);
      });
      await withQuotas(stage, [silent], { producer_byte_rate: HALF_A_SECOND * 2 }, async () => {
        await produce('half of it', silent, 1);
        await produce('the other half', silent, 1);
      });
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Fetch,
    'beyond consumer_byte_rate',
    async (stage) => {
      const topic = await stage.topic('a');
      for (let i = 0; i < 3; i++) await append(stage, topic, ['x'.repeat(BATCH_BYTES)]);
      const app = stage.name('app');
      const fetch = (name: string, offset: number) =>
        stage.stepOf(Fetch, stage.version, name, request([of(topic, at(0, offset))], { maxBytes: 1000 }), recordsOf, `as ${app}`);
      await withQuotas(stage, [app], { consumer_byte_rate: 9500 }, async () => {
        await fetch('one batch', 0);
        await fetch('the next is too much', 1);
      });
      await fetch('without a quota', 1);
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'beyond consumer_byte_rate, in a session',
    async (stage) => {
      const topic = await stage.topic('a');
      for (let i = 0; i < 3; i++) await append(stage, topic, ['x'.repeat(BATCH_BYTES)]);
      const app = stage.name('app');
      const all = [of(topic, at(0, 0))];
      const fetch = (name: string, sessionId: number, sessionEpoch: number, topics: ReturnType<typeof of>[]) =>
        stage.stepOf(Fetch, stage.version, name, request(topics, { maxBytes: 1000, sessionId, sessionEpoch }), recordsOf, `as ${app}`);
      let sessionId = 0;
      await withQuotas(stage, [app], { consumer_byte_rate: 9500 }, async () => {
        sessionId = (await fetch('begin', 0, 0, all))?.sessionId ?? 0;
        await fetch('the next is too much', sessionId, 1, [of(topic, at(0, 1))]);
      });
      await fetch('without a quota it goes on', sessionId, 2, []);
      await withQuotas(stage, [app], { consumer_byte_rate: 100 }, async () => {
        await fetch('none begins with what is too much', 0, 0, all);
      });
    },
    [7, 18],
  ),

  ...mutationScenarios,

  scenario(DescribeClientQuotas, 'beyond request_percentage, of any API', async (stage) => {
    const { version } = stage;
    const topic = await stage.topic('a');
    const group = await stage.group('g');
    const apis = [
      'Quotas',
      'Metadata',
      'ApiVersions',
      'ListOffsets',
      'FindCoordinator',
      'OffsetFetch',
      'Groups',
      'Configs',
      'Cluster',
      'Produce',
    ];
    const clients = apis.map((api) => stage.name(api));
    const show = ({ throttleTimeMs }: Throttled) => ({ throttleTimeMs });
    /** A client for each, as each has to wait afterwards. */
    const as = (api: string) => `as ${clients[apis.indexOf(api)]}`;
    // So little that any request is a thousand times too much, which means waiting for one sample.
    await withQuotas(stage, clients, { request_percentage: 1e-6 }, async () => {
      await stage.stepOf(DescribeClientQuotas, version, 'DescribeClientQuotas', { components: [], strict: true }, show, as('Quotas'));
      if (version === 0) return;
      await stage.stepOf(Metadata, 12, 'Metadata', { topics: [] }, show, as('Metadata'));
      const software = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };
      await stage.stepOf(ApiVersions, 3, 'ApiVersions', software, show, as('ApiVersions'));
      const listed = { replicaId: -1, topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] };
      await stage.stepOf(ListOffsets, 7, 'ListOffsets', listed, show, as('ListOffsets'));
      const keys = { keyType: 0, coordinatorKeys: [group] };
      await stage.stepOf(FindCoordinator, 4, 'FindCoordinator', keys, show, as('FindCoordinator'));
      await stage.stepOf(OffsetFetch, 8, 'OffsetFetch', { groups: [{ groupId: group, topics: null }] }, show, as('OffsetFetch'));
      await stage.stepOf(ListGroups, 4, 'ListGroups', {}, show, as('Groups'));
      const config = { resources: [{ resourceType: 2, resourceName: topic.name, configurationKeys: ['retention.ms'] }] };
      await stage.stepOf(DescribeConfigs, 4, 'DescribeConfigs', config, show, as('Configs'));
      await stage.stepOf(DescribeCluster, 0, 'DescribeCluster', { includeClusterAuthorizedOperations: false }, show, as('Cluster'));
      await stage.stepOf(Produce, 8, 'Produce', one(topic, batchBytes({ values: ['a'] })), show, as('Produce'));
    });
  }),
];
