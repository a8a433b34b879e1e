import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { KafkaError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { OpenLog, RequireLeader } from '../coordinator-log.ts';
import { CoordinatorRuntime } from '../runtime.ts';
import type { DeletedOffsets, GroupDescription, ListedGroup, OffsetsToDelete } from './group-admin.ts';
import type { GroupConfig } from './group-config.ts';
import type { GroupEnv } from './group-env.ts';
import { GroupShard } from './group-shard.ts';
import type { JoinRequest } from './join.ts';
import { failedJoin, failedSync, type JoinReply, type Park, type SyncReply } from './member.ts';
import type { HeartbeatRequest, LeaveResult, LeavingMember } from './membership.ts';
import type { CommitRequest, CommitResult, CommittedOffset } from './offsets.ts';
import { partitionFor } from './partition-for.ts';
import type { SyncRequest } from './sync.ts';

export interface GroupCoordinatorOptions {
  readonly openLog: OpenLog;
  readonly requireLeader: RequireLeader;
  readonly config: () => GroupConfig;
  readonly clock: Clock;
  /** Wall-clock time by which offsets expire. Default: the clock's. */
  readonly expiryNow?: () => number;
  readonly logger: Logger;
  /** For tests: where member ids come from. */
  readonly newUuid?: () => string;
}

/** What OffsetFetch asks of one group: null is everything that it has committed. */
export type OffsetQuery = readonly { readonly name: string; readonly partitions: readonly number[] }[] | null;

export interface FetchedOffsets {
  readonly name: string;
  /** undefined: nothing is committed. */
  readonly partitions: readonly { readonly partition: number; readonly committed: CommittedOffset | undefined }[];
}

/** How long a request waits for its group to be loaded before it is told to come again. Requests that wait are bounded by the connections. */
const LOAD_WAIT_MS = 1000;

/**
 * Consumer groups, as the handlers see them. A group lives in one partition of __consumer_offsets, whose leader coordinates it. Once the
 * group is loaded every method does its work before it returns; before, the calls wait and are served in their order. What a method returns
 * is the reply, when it may leave. All throw or reject with COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE and NOT_COORDINATOR
 * besides what they say.
 */
export class GroupCoordinator {
  private readonly clock: Clock;
  private readonly config: () => GroupConfig;
  private readonly runtime: CoordinatorRuntime<GroupShard>;

  constructor(options: GroupCoordinatorOptions) {
    const { clock, config, logger, newUuid = randomUUID, openLog, requireLeader } = options;
    const { expiryNow = () => clock.now() } = options;
    const env: GroupEnv = { clock, expiryNow, config, logger, newUuid };
    this.clock = clock;
    this.config = config;
    this.runtime = new CoordinatorRuntime({
      openLog,
      requireLeader,
      clock,
      logger,
      writeTimeoutMs: () => config().commitTimeoutMs,
      makeShard: (_, perform) => new GroupShard(env, perform),
    });
  }

  /** The partition of __consumer_offsets that a group lives in. */
  partitionOf(groupId: string): number {
    return partitionFor(groupId, this.config().offsetsPartitions);
  }

  /** Resolves when a partition's groups are in memory. Without it the first request of a group begins the loading. */
  load(partition: number): Promise<void> {
    return this.runtime.load(partition);
  }

  /**
   * Loads a group's partition and waits for it, but not for long: loading takes milliseconds, and a client that is told to come again waits
   * longer. Resolves in any case; what is done next says itself what is wrong.
   */
  ready(groupId: string): Promise<void> {
    return this.partitionReady(this.partitionOf(groupId));
  }

  private async partitionReady(partition: number): Promise<void> {
    const loaded = this.load(partition).catch(() => {});
    await new Promise<void>((resolve) => {
      const timer = this.clock.after(LOAD_WAIT_MS, resolve);
      loaded.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** The partition has moved to another broker, or has a new leader epoch. */
  unload(partition: number): void {
    this.runtime.unload(partition);
  }

  /** Tells everybody who waits to look for another coordinator, and stops every timer. */
  close(): void {
    this.runtime.close();
  }

  /** JoinGroup: the reply may take as long as the group's rebalance. Failures are replies, since they name the member. */
  async join(request: JoinRequest, signal: AbortSignal): Promise<JoinReply> {
    if (request.groupId === '') return failedJoin('INVALID_GROUP_ID', request.memberId);
    const { maxSessionTimeoutMs, minSessionTimeoutMs } = this.config();
    if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs)
      return failedJoin('INVALID_SESSION_TIMEOUT', request.memberId);
    const protocols = request.protocols.map(({ metadata, name }) => ({ name, metadata: Buffer.from(metadata) })); // the frame's bytes do not stay
    if (!this.isLoaded(request.groupId)) await this.ready(request.groupId);
    return this.parked(request.groupId, signal, failedJoin('UNKNOWN_MEMBER_ID', ''), (shard, park) =>
      shard.join({ ...request, protocols }, park),
    );
  }

  /** SyncGroup: the reply comes when the leader's assignment is in the log. Rejects with what `sync` throws. */
  async sync(request: SyncRequest, signal: AbortSignal): Promise<SyncReply> {
    requireGroupId(request.groupId);
    if (!this.isLoaded(request.groupId)) await this.ready(request.groupId);
    return this.parked(request.groupId, signal, failedSync('UNKNOWN_MEMBER_ID'), (shard, park) => shard.sync(request, park));
  }

  /** For a group that is not loaded it does nothing. @throws KafkaError what `heartbeat` throws */
  heartbeat(request: HeartbeatRequest): void {
    requireGroupId(request.groupId);
    try {
      this.runtime.run(this.partitionOf(request.groupId), (shard) => {
        shard.heartbeat(request);
        return null;
      });
    } catch (error) {
      // Nobody knows yet whether the member is one. It stays, and its session begins when the group has been loaded.
      if (!(error instanceof KafkaError) || error.errorName !== 'COORDINATOR_LOAD_IN_PROGRESS') throw error;
    }
  }

  async leave(groupId: string, members: readonly LeavingMember[]): Promise<LeaveResult[]> {
    requireGroupId(groupId);
    if (!this.isLoaded(groupId)) await this.ready(groupId);
    return this.runtime.runAndReply(this.partitionOf(groupId), (shard) => shard.leave(groupId, members));
  }

  /** OffsetCommit of partitions that exist. The empty group id is a group like any other here, as old consumers expect. */
  async commit(request: CommitRequest): Promise<CommitResult[]> {
    if (!this.isLoaded(request.groupId)) await this.ready(request.groupId);
    return this.runtime.runAndReply(this.partitionOf(request.groupId), (shard) => shard.commit(request));
  }

  /** OffsetFetch of one group. A group that does not exist has committed nothing. */
  async fetchOffsets(groupId: string, query: OffsetQuery): Promise<FetchedOffsets[]> {
    if (!this.isLoaded(groupId)) await this.ready(groupId);
    return this.runtime.read(this.partitionOf(groupId), (shard) => {
      const offsets = shard.offsetsOf(groupId);
      const all = query ?? [...(offsets?.all() ?? [])].map(([name, partitions]) => ({ name, partitions: [...partitions.keys()] }));
      return all.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({ partition, committed: offsets?.get(name, partition) })),
      }));
    });
  }

  /** DescribeGroups of one group. Rejects with GROUP_ID_NOT_FOUND. */
  async describe(groupId: string): Promise<GroupDescription> {
    if (!this.isLoaded(groupId)) await this.ready(groupId);
    return this.runtime.read(this.partitionOf(groupId), (shard) => shard.describe(groupId));
  }

  /** The groups of every partition of __consumer_offsets that this broker leads. */
  async list(): Promise<ListedGroup[]> {
    const partitions = Array.from({ length: this.config().offsetsPartitions }, (_, partition) => partition);
    await Promise.all(
      partitions.filter((partition) => !this.runtime.isLoaded(partition)).map((partition) => this.partitionReady(partition)),
    );
    return (await Promise.all(partitions.map((partition) => this.listPartition(partition)))).flat();
  }

  /** DeleteGroups of one group. Rejects with GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async deleteGroup(groupId: string): Promise<void> {
    if (!this.isLoaded(groupId)) await this.ready(groupId);
    await new Promise<void>((resolve, reject) => {
      this.runtime.run(this.partitionOf(groupId), (shard) => shard.deleteGroup(groupId, (error) => (error ? reject(error) : resolve())));
    });
  }

  /** OffsetDelete of partitions that exist. Rejects with INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  async deleteOffsets(groupId: string, topics: readonly OffsetsToDelete[]): Promise<DeletedOffsets[]> {
    requireGroupId(groupId);
    if (!this.isLoaded(groupId)) await this.ready(groupId);
    return this.runtime.runAndReply(this.partitionOf(groupId), (shard) => shard.deleteOffsets(groupId, topics));
  }

  private async listPartition(partition: number): Promise<ListedGroup[]> {
    try {
      return await this.runtime.read(partition, (shard) => shard.list());
    } catch (error) {
      if (error instanceof KafkaError && error.errorName === 'NOT_COORDINATOR') return []; // its leader lists them
      throw error;
    }
  }

  /** Asked before waiting for `ready`: what need not wait happens before the caller's next statement. */
  isLoaded(groupId: string): boolean {
    return this.runtime.isLoaded(this.partitionOf(groupId));
  }

  /**
   * Runs an operation whose reply may come later, from whoever completes it. When the client goes away first, nothing of its request stays
   * but its member, whose session runs again.
   */
  private parked<Reply extends JoinReply | SyncReply>(
    groupId: string,
    signal: AbortSignal,
    gone: Reply,
    operation: (shard: GroupShard, park: Park<Reply>) => ReturnType<GroupShard['join']>,
  ): Promise<Reply> {
    const partition = this.partitionOf(groupId);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const park: Park<Reply> = (reply) => {
        isOver = true;
        signal.removeEventListener('abort', onAbort);
        resolve(reply);
      };
      const onAbort = () => {
        if (isOver) return;
        this.abandon(partition, groupId, park as Park<JoinReply> & Park<SyncReply>);
        park(gone);
      };
      try {
        this.runtime.run(partition, (shard) => operation(shard, park));
      } catch (error) {
        reject(error);
        return;
      }
      if (isOver) return;
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  private abandon(partition: number, groupId: string, park: Park<JoinReply> & Park<SyncReply>): void {
    try {
      this.runtime.run(partition, (shard) => {
        shard.abandon(groupId, park);
        return null;
      });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error; // its partition is gone, and so is what was parked there
    }
  }
}

function requireGroupId(groupId: string): void {
  if (groupId === '') throw new KafkaError('INVALID_GROUP_ID');
}
