import { Connection } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import type { Address, Transport } from '../core/transport.ts';
import {
  AlterClientQuotas,
  ApiVersions,
  DeleteGroups,
  DeleteTopics,
  DescribeClientQuotas,
  DescribeGroups,
  LeaveGroup,
  ListGroups,
  Metadata,
} from '../protocol/messages/index.ts';
import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';

/** What is left behind: nobody could delete it. */
export interface Leftovers {
  readonly topics: readonly string[];
  readonly groups: readonly string[];
}

/** The newest versions that are used here; a broker that offers less is asked at its own newest. */
const NEWEST = {
  AlterClientQuotas: 1,
  DescribeClientQuotas: 1,
  DeleteTopics: 5,
  DeleteGroups: 1,
  DescribeGroups: 3,
  LeaveGroup: 3,
  Metadata: 9,
  ListGroups: 2,
} as const;
const AT_ONCE = 100;
const WITHIN_MS = 15_000;
const NON_EMPTY_GROUP = 68;
/** Who was given a member id and never came with it cannot be sent away: its group goes when a rebalance or session is over, 30 s in scenarios. */
const SWEEP_WITHIN_MS = 40_000;
const SWEEP_AGAIN_MS = 500;

/**
 * Deletes what scenarios have made, by their names. Whatever goes wrong, it never throws: a broker that cannot delete is told about elsewhere,
 * and what is left behind is counted at the end (`sweep`).
 */
export class CleanUp {
  private readonly venue: { readonly transport: Transport; readonly clock: Clock; readonly address: Address };
  /** With the newest version that the broker has of each API. */
  private opening: Promise<{ connection: Connection; offered: ReadonlyMap<number, number> }> | null = null;

  constructor(venue: CleanUp['venue']) {
    this.venue = venue;
  }

  /** Deletes the topics and groups of these names, whichever of them there are. */
  async remove(names: readonly string[]): Promise<void> {
    try {
      for (let at = 0; at < names.length; at += AT_ONCE) {
        const some = names.slice(at, at + AT_ONCE);
        await this.deleteTopics(some);
        await this.deleteGroups(some);
      }
    } catch {
      // Told by `sweep`, which looks at what is there.
    }
  }

  /** Deletes every topic and group, and the quotas of every user and client id, whose name begins so. @returns what is there still; null: the broker does not tell */
  async sweep(prefix: string): Promise<Leftovers | null> {
    if (prefix === '') throw new Error('everything has a name that begins with nothing');
    try {
      await this.removeQuotas(prefix);
      const deadline = this.venue.clock.monotonicMs() + SWEEP_WITHIN_MS;
      for (;;) {
        const left = await this.find(prefix);
        if (left.topics.length + left.groups.length === 0 || this.venue.clock.monotonicMs() >= deadline) return left;
        await this.remove([...new Set([...left.topics, ...left.groups])]);
        const after = await this.find(prefix);
        if (after.topics.length + after.groups.length === 0) return after;
        await new Promise<void>((resolve) => void this.venue.clock.after(SWEEP_AGAIN_MS, resolve));
      }
    } catch {
      return null;
    }
  }

  /** Those of scenarios that were cut off; the others take back their own. */
  private async removeQuotas(prefix: string): Promise<void> {
    const { offered } = await (this.opening ??= this.open());
    if (!offered.has(DescribeClientQuotas.key) || !offered.has(AlterClientQuotas.key)) return;
    const { entries } = await this.ask(DescribeClientQuotas, { components: [], strict: false });
    const own = (entries ?? []).filter(({ entity }) => entity.some(({ entityName }) => entityName?.startsWith(prefix)));
    if (own.length === 0) return;
    const removed = own.map(({ entity, values }) => ({ entity, ops: values.map(({ key }) => ({ key, value: 0, remove: true })) }));
    await this.ask(AlterClientQuotas, { entries: removed, validateOnly: false });
  }

  private async find(prefix: string): Promise<Leftovers> {
    const { topics } = await this.ask(Metadata, { topics: null });
    const { groups } = await this.ask(ListGroups, {});
    const own = (names: readonly (string | null)[]) => names.filter((name): name is string => name?.startsWith(prefix) ?? false);
    return { topics: own(topics.map(({ name }) => name)), groups: own(groups.map(({ groupId }) => groupId)) };
  }

  private async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.ask(DeleteTopics, { topicNames: names, timeoutMs: WITHIN_MS });
  }

  private async deleteGroups(names: readonly string[]): Promise<void> {
    const { results } = await this.ask(DeleteGroups, { groupsNames: names });
    const inUse = results.filter(({ errorCode }) => errorCode === NON_EMPTY_GROUP).map(({ groupId }) => groupId);
    if (inUse.length === 0) return;
    const { groups } = await this.ask(DescribeGroups, { groups: inUse });
    for (const { groupId, members } of groups) {
      const leaving = members.map(({ memberId }) => ({ memberId, groupInstanceId: null }));
      await this.ask(LeaveGroup, { groupId, memberId: leaving[0]?.memberId ?? '', members: leaving });
    }
    await this.ask(DeleteGroups, { groupsNames: inUse });
  }

  private async ask<Q extends Fields, R extends Fields>(api: Api<Q, R>, body: Encodable<Q>): Promise<Decoded<R>> {
    const { connection, offered } = await (this.opening ??= this.open());
    if (connection.closedReason()) {
      this.opening = null;
      return this.ask(api, body);
    }
    const newest = NEWEST[api.name as keyof typeof NEWEST];
    const version = Math.min(newest, offered.get(api.key) ?? -1);
    if (version < 0) throw new Error(`${api.name} is not offered`);
    return connection.request(api, version, body, WITHIN_MS);
  }

  private async open() {
    const { transport, clock, address } = this.venue;
    try {
      const connection = await Connection.open(transport, clock, address, { clientId: 'conformance' });
      const { apiKeys } = await connection.request(ApiVersions, 0, {}, WITHIN_MS);
      return { connection, offered: new Map(apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion])) };
    } catch (error) {
      this.opening = null;
      throw error;
    }
  }

  /** What comes later opens a connection again. */
  async close(): Promise<void> {
    const open = await this.opening?.catch(() => null);
    this.opening = null;
    await open?.connection.close();
  }
}
