import type { GroupConfig } from '../../../src/coordinator/group/group-config.ts';
import { type FetchedOffsets, GroupCoordinator } from '../../../src/coordinator/group/group-coordinator.ts';
import type { JoinRequest } from '../../../src/coordinator/group/join.ts';
import type { JoinReply, SyncReply } from '../../../src/coordinator/group/member.ts';
import type { CommitRequest } from '../../../src/coordinator/group/offsets.ts';
import type { SyncRequest } from '../../../src/coordinator/group/sync.ts';
import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { type FakeClock, fakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { MemoryCoordinatorLog } from '../memory-coordinator-log.ts';

export const SESSION_MS = 10_000;
export const REBALANCE_MS = 60_000;
export const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

/** A reply that may not have come yet. */
export interface Waiting<T> {
  /** undefined while the request is parked. */
  reply: T | undefined;
}

export interface GroupsFixture {
  readonly clock: FakeClock;
  readonly log: MemoryCoordinatorLog;
  /** The living coordinator; `restart` puts another one in its place. */
  groups: GroupCoordinator;
  config: GroupConfig;
  /** A new coordinator on the same log: what a restarted broker has. */
  restart(): Promise<void>;
  /** Timers of groups and members, beside the one that looks for expired offsets. */
  groupTimers(): number;
  client(options?: Partial<JoinRequest>): TestClient;
}

/** A group coordinator with all groups in one partition, in memory, on a clock that stands still. */
export async function groupsFixture(config: Partial<GroupConfig> = {}, isLoaded = true): Promise<GroupsFixture> {
  const clock = fakeClock();
  const log = new MemoryCoordinatorLog();
  let ids = 0;
  const fixture: GroupsFixture = {
    clock,
    log,
    config: {
      initialRebalanceDelayMs: 0,
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 1_800_000,
      maxSize: 2 ** 31 - 1,
      offsetMetadataMaxBytes: 4096,
      offsetsPartitions: 1,
      commitTimeoutMs: 5000,
      retentionMs: 604_800_000,
      expiryCheckIntervalMs: 600_000,
      ...config,
    },
    groups: undefined as never,
    async restart() {
      fixture.groups?.close();
      fixture.groups = new GroupCoordinator({
        openLog: async () => log,
        requireLeader: () => {},
        config: () => fixture.config,
        clock,
        logger: silentLogger,
        newUuid: () => `uuid${++ids}`,
      });
      if (isLoaded) await fixture.groups.load(0);
    },
    groupTimers: () => clock.pending() - 1,
    client: (options) => new TestClient(fixture, options),
  };
  await fixture.restart();
  return fixture;
}

/** A consumer that sends what it is told to, and remembers what it was answered. */
export class TestClient {
  readonly fixture: GroupsFixture;
  readonly defaults: JoinRequest;
  memberId: string;
  generationId = -1;
  connection = new AbortController();
  /** When it was last told that it is in a generation, in monotonic ms. */
  joinedAtMs = 0;

  constructor(fixture: GroupsFixture, options: Partial<JoinRequest> = {}) {
    this.fixture = fixture;
    this.defaults = {
      groupId: 'g',
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('subscription') }],
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      requireKnownMemberId: true,
      supportsSkippingAssignment: true,
      ...options,
    };
    this.memberId = this.defaults.memberId;
  }

  /** Sends one JoinGroup. The reply's member id and generation become the client's. */
  send(changes: Partial<JoinRequest> = {}): Waiting<JoinReply> {
    const request = { ...this.defaults, memberId: this.memberId, ...changes };
    const waiting = watch(this.fixture.groups.join(request, this.connection.signal), (reply) => {
      if (reply.memberId !== '') this.memberId = reply.memberId;
      if (reply.error !== 'NONE') return;
      this.generationId = reply.generationId;
      this.joinedAtMs = this.fixture.clock.monotonicMs();
    });
    return waiting;
  }

  /** As clients do since KIP-394: asks for a member id if it has none, then joins with it. */
  async join(changes: Partial<JoinRequest> = {}): Promise<Waiting<JoinReply>> {
    const first = this.send(changes);
    await this.fixture.clock.settle();
    return first.reply?.error === 'MEMBER_ID_REQUIRED' ? this.send(changes) : first;
  }

  sync(assignments: Record<string, string> = {}, changes: Partial<SyncRequest> = {}): Waiting<SyncReply | ErrorName> {
    return watch(
      this.fixture.groups.sync(
        {
          groupId: this.defaults.groupId,
          memberId: this.memberId,
          groupInstanceId: this.defaults.groupInstanceId,
          generationId: this.generationId,
          protocolType: null,
          protocolName: null,
          assignments: Object.entries(assignments).map(([memberId, assignment]) => ({ memberId, assignment: Buffer.from(assignment) })),
          ...changes,
        },
        this.connection.signal,
      ),
    );
  }

  heartbeat(changes: { generationId?: number; memberId?: string; groupInstanceId?: string | null } = {}): ErrorName {
    try {
      this.fixture.groups.heartbeat({
        groupId: this.defaults.groupId,
        memberId: this.memberId,
        groupInstanceId: this.defaults.groupInstanceId,
        generationId: this.generationId,
        ...changes,
      });
      return 'NONE';
    } catch (error) {
      if (error instanceof KafkaError) return error.errorName;
      throw error;
    }
  }

  leave(): Promise<ErrorName> {
    return this.fixture.groups.leave(this.defaults.groupId, [{ memberId: this.memberId, groupInstanceId: null }]).then(
      ([result]) => result!.error,
      (error: KafkaError) => error.errorName,
    );
  }

  commit(offset: number, changes: Partial<CommitRequest> = {}, metadata: string | null = ''): Waiting<ErrorName> {
    return watch(
      this.fixture.groups
        .commit({
          groupId: this.defaults.groupId,
          memberId: this.memberId,
          groupInstanceId: this.defaults.groupInstanceId,
          generationId: this.generationId,
          retentionTimeMs: -1,
          knowsGroupIdNotFound: true,
          topics: [
            { name: 't', topicId: TOPIC_ID, partitions: [{ partition: 0, offset, leaderEpoch: 3, metadata, commitTimestampMs: -1 }] },
          ],
          ...changes,
        })
        .then(([topic]) => topic!.partitions[0]!.error),
    ) as Waiting<ErrorName>;
  }

  /** The connection breaks: nobody reads what is still to be answered on it. */
  disconnect(): void {
    this.connection.abort();
    this.connection = new AbortController();
  }
}

export function watch<T>(promise: Promise<T>, seen: (reply: T) => void = () => {}): Waiting<T> {
  const waiting: Waiting<T> = { reply: undefined };
  promise.then(
    (reply) => {
      seen(reply);
      waiting.reply = reply;
    },
    (error) => {
      waiting.reply = (error instanceof KafkaError ? error.errorName : error) as T;
    },
  );
  return waiting;
}

/** Brings all of them into one generation; the first is the leader, and gives each a share of its own: "share0", "share1", ... */
export async function stableGroup(fixture: GroupsFixture, clients: readonly TestClient[]): Promise<void> {
  for (const client of clients) await client.join();
  await fixture.clock.advance(1);
  clients[0]!.sync(Object.fromEntries(clients.map((client, i) => [client.memberId, `share${i}`])));
  for (const client of clients.slice(1)) client.sync();
  await fixture.clock.settle();
}

export async function fetchedOffset(fixture: GroupsFixture, groupId = 'g'): Promise<number | undefined> {
  const [topic] = await fixture.groups.fetchOffsets(groupId, [{ name: 't', partitions: [0] }]);
  return (topic as FetchedOffsets).partitions[0]!.committed?.offset;
}
