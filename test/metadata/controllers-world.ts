import { electLeaders } from '../../src/metadata/admin-elections.ts';
import { alterConfigs } from '../../src/metadata/config-writes.ts';
import { handOver } from '../../src/metadata/controlled-shutdown.ts';
import type { MetadataImage, PartitionImage } from '../../src/metadata/image.ts';
import {
  canJoinIsr,
  effectiveMinIsr,
  isAdmittedDisk,
  isForeign,
  isrChange,
  isSuspect,
  mayCommit,
  writeIsr,
} from '../../src/metadata/isr.ts';
import { alterReassignments } from '../../src/metadata/reassignments.ts';
import { InDoubtError, UnavailableError } from '../../src/metadata/store.ts';
import { prng } from '../support/prng.ts';
import { type Brokers, brokersOf, type StoreLink, type TestBroker } from './brokers-fixture.ts';

const MIN_ISR = 2;
const TOPIC = 'a';
/** Replicas at first. */
const ASSIGNMENT = [
  [1, 2, 3],
  [2, 3, 4],
  [3, 1],
];

/** A proposed ISR that may still be committed. */
interface Proposal {
  readonly rev: number;
  readonly isr: readonly number[];
}

/**
 * Brokers with their controllers on one store, under faults, and what their disks hold of each partition: only how many records, since what is
 * decided by the metadata needs no more. A record is committed when the ISR and all that are proposed for it have it; whoever is elected must
 * have all that are, as long as fewer than min ISR disks have lost one.
 */
export class World {
  readonly failures: string[] = [];
  readonly counts = { elections: 0, unclean: 0, committed: 0, excused: 0, failedDisks: 0, replacedDisks: 0 };
  private readonly random: () => number;
  private readonly more: boolean;
  private readonly disks: boolean;
  private brokers!: Brokers;
  /** Disk holds: broker -> partition -> records. */
  private readonly has = new Map<number, number[]>();
  private readonly committed = ASSIGNMENT.map(() => 0);
  /** Partition -> brokers whose disk lost a committed record since it was last on min ISR admitted disks. */
  private readonly lost = ASSIGNMENT.map(() => new Set<number>());
  /** The least min ISR under which something was committed that may not yet be on more disks. */
  private readonly promised = ASSIGNMENT.map(() => MIN_ISR);
  private readonly stopping = new Set<TestBroker>();
  private readonly proposals = new Map<string, Proposal[]>();
  private readonly paused = new Set<number>();
  private readonly down = new Set<number>();
  /** Killed, their leases not yet expired. */
  private readonly dead: TestBroker[] = [];
  private readonly late: (() => Promise<unknown>)[] = [];
  private readonly leaders = new Map<string, string>();
  private readonly checked = new Set<string>();
  /** Who told the end of its log, in which leader epoch. */
  private readonly told = new Set<string>();
  private directories = 0;
  private calm = false;

  /**
   * @param more what the checked model of the rules does not have: reassignments, other min ISRs, brokers that stop in order
   * @param disks disks fail under brokers that go on
   */
  constructor(seed: number, { more = false, disks = false } = {}) {
    this.random = prng(seed);
    this.more = more;
    this.disks = disks;
  }

  async run(steps: number): Promise<void> {
    this.brokers = await brokersOf([], { 'min.insync.replicas': String(MIN_ISR), 'auto.leader.rebalance.enable': 'true' });
    this.brokers.endOf = (id, _topic, partition) => ({ lastEpoch: 0, logEndOffset: this.has.get(id)![partition]! });
    for (const id of [1, 2, 3, 4]) {
      this.has.set(
        id,
        ASSIGNMENT.map(() => 0),
      );
      await this.start(id);
    }
    await this.brokers.create(TOPIC, ASSIGNMENT);
    this.brokers.view.onChange((image, { partitions, logEnds }) => {
      for (const { topicId, partition } of logEnds) {
        for (const [id, { leaderEpoch }] of image.logEnds(topicId, partition) ?? []) this.told.add(`${partition}/${leaderEpoch}/${id}`);
      }
      for (const { partition, before } of partitions) if (before) this.check(image, before, partition);
    });
    for (let i = 0; i < steps && this.failures.length === 0; i++) {
      await this.step();
      for (const number of ASSIGNMENT.keys()) this.leaderOf(number);
      await this.turns(this.int(4));
    }
    if (this.failures.length > 0) return; // some stand still: they would not end
    await this.heal();
    await this.brokers.close();
  }

  private int(below: number): number {
    return Math.floor(this.random() * below);
  }

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.int(list.length)];
  }

  private async turns(count: number): Promise<void> {
    for (let i = 0; i <= count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  private async step(): Promise<void> {
    const running = [...this.brokers.running.values()];
    const broker = this.pick(running);
    const partition = this.int(ASSIGNMENT.length);
    if (this.more && this.int(6) === 0) return this.stepMore(broker, partition);
    if (this.disks && this.int(12) === 0) return this.failDisk(broker);
    const dice = this.int(100);
    if (dice < 25) return this.commit(partition);
    if (dice < 50) return this.expand(partition);
    if (dice < 56) return this.shrink(partition);
    if (dice < 60) return this.settleProposals(partition);
    if (dice < 66) {
      if (broker && running.length > 1) this.kill(broker);
      return;
    }
    if (dice < 71) {
      const gone = this.pick(this.dead);
      if (gone) this.brokers.noticed(gone);
      return;
    }
    if (dice < 76) return this.expireOne();
    if (dice < 86) {
      const id = this.pick([...this.down]);
      if (id !== undefined) await this.restart(id, this.int(10));
      return;
    }
    if (dice < 89 && broker) return this.pause(broker);
    if (dice < 94) return this.resume();
    if (dice < 96) {
      await this.late.shift()?.();
      return;
    }
    await this.brokers.clock.advance(100 + this.int(1_000));
  }

  /** Under all partitions, or some. The broker tells the store, sooner or later. */
  private failDisk(broker: TestBroker | undefined): void {
    if (!broker) return;
    const disk = this.brokers.disks.get(broker.id)!;
    if (this.int(3) === 0) disk.extent = 'all';
    else if (disk.extent !== 'all') disk.extent = 'some';
    for (const number of ASSIGNMENT.keys()) if (this.int(2) === 0) disk.offline.add(`${TOPIC}/${number}`);
    this.counts.failedDisks++;
    broker.offline.kick();
  }

  /** Whoever runs on a failed disk starts again on one that works. */
  private async replaceFailed(): Promise<void> {
    for (const broker of [...this.brokers.running.values()]) if (this.brokers.disks.get(broker.id)!.extent !== 'none') this.kill(broker);
    while (this.dead.length > 0) await this.expireOne();
    for (const id of [...this.down]) await this.restart(id, 9);
  }

  private isOffline(id: number, number: number): boolean {
    const { extent, offline } = this.brokers.disks.get(id)!;
    return extent === 'all' || (extent === 'some' && offline.has(`${TOPIC}/${number}`));
  }

  /**
   * It is back with its broker: perhaps without what was synced last, where that was told of, or with an empty disk in the place of the one that failed.
   * Else it is as it was.
   */
  private repair(id: number): void {
    const disk = this.brokers.disks.get(id)!;
    disk.lost = [];
    if (disk.extent === 'none') return;
    if (disk.extent === 'some' && this.int(4) === 0) {
      disk.lost = this.brokers.view.current.topic(TOPIC)!.partitions.filter(({ partition }) => this.isOffline(id, partition));
      this.counts.replacedDisks++;
      this.lose(
        id,
        this.has.get(id)!.map((records, number) => (this.isOffline(id, number) ? 0 : records)),
        () => disk.generation++,
      );
    }
    const isTold = this.brokers.view.current.parts.offline.has(id);
    const now = this.has.get(id)!.map((records, number) => (isTold && this.isOffline(id, number) ? this.int(records + 1) : records));
    this.lose(id, now, () => {
      disk.extent = 'none';
      disk.offline.clear();
    });
  }

  private async stepMore(broker: TestBroker | undefined, partition: number): Promise<void> {
    const dice = this.int(10);
    if (!broker || this.paused.has(broker.id)) return;
    const cluster = { store: broker.link.store, metadata: broker.feed };
    if (dice < 4) {
      const replicas = dice === 0 ? null : [1, 2, 3, 4].filter(() => this.int(2) === 0);
      const reassignment = { topic: TOPIC, partition, replicas };
      await this.briefly(alterReassignments(cluster, [reassignment], { allowReplicationFactorChange: true }));
    } else if (dice < 6) {
      const minIsr = String(1 + this.int(2));
      await this.briefly(alterConfigs(broker.link.store, { type: 'topic', name: TOPIC }, () => new Map([['min.insync.replicas', minIsr]])));
    } else if (dice < 8) {
      await this.briefly(electLeaders({ ...cluster, config: this.brokers.config }, 'preferred', [{ topic: TOPIC, partition }]));
    } else if (dice === 8) {
      const { registration, feed, link, id } = broker;
      const registered = () => registration.current;
      this.stopping.add(broker);
      await this.briefly(
        handOver({ store: link.store, metadata: feed, clock: this.brokers.clock, nodeId: id, registered, timeoutMs: 5_000 }),
      );
    } else {
      const leaving = this.pick([...this.stopping]);
      if (leaving && this.brokers.running.get(leaving.id) === leaving) this.kill(leaving);
    }
  }

  /** What does not end soon, as a broker that stands still, goes on while other things happen. */
  private async briefly(work: Promise<unknown>): Promise<void> {
    await Promise.race([work.catch(() => {}), this.turns(5)]);
  }

  private minIsrOf(image: MetadataImage): number {
    return this.brokers.config.topic(image.configs({ type: 'topic', name: TOPIC })).minInsyncReplicas;
  }

  private async start(id: number): Promise<void> {
    const starting = this.brokers.start(id).then((broker) => this.tamper(broker.link));
    await Promise.race([starting, this.turns(30)]);
    if (this.failures.length > 0) return;
    starting.catch((error) => this.failures.push(`broker ${id} did not start: ${error}`));
  }

  /** Some of its writes are lost, in doubt though applied, in doubt and not applied, or applied when nobody waits for them any more. */
  private tamper(link: StoreLink): void {
    link.txn = async (go) => {
      const dice = this.calm ? 99 : this.int(40);
      if (dice === 0) throw new UnavailableError('lost');
      if (dice === 1) throw new InDoubtError('not applied');
      if (dice === 2) {
        await go();
        throw new InDoubtError('applied');
      }
      if (dice === 3) {
        this.late.push(() => go().catch(() => {}));
        throw new InDoubtError('applied later');
      }
      return go();
    };
  }

  private kill(broker: TestBroker): void {
    this.brokers.kill(broker.id);
    this.paused.delete(broker.id);
    this.down.add(broker.id);
    this.dead.push(broker);
  }

  private async expireOne(): Promise<void> {
    const i = this.int(this.dead.length);
    const [gone] = this.dead.splice(i, 1);
    if (gone) return this.brokers.expire(gone);
    const stopped = this.pick([...this.paused]);
    const broker = stopped === undefined ? undefined : this.brokers.running.get(stopped);
    if (broker) await this.brokers.expire(broker);
  }

  private pause(broker: TestBroker): void {
    if (this.paused.has(broker.id)) return;
    this.paused.add(broker.id);
    broker.link.stop();
  }

  private resume(): void {
    const id = this.pick([...this.paused]);
    if (id === undefined) return;
    this.paused.delete(id);
    this.brokers.running.get(id)?.link.go();
  }

  /** 0: on an emptied disk · 1, 2: after a crash of the machine · else after a kill. */
  private async restart(id: number, how: number): Promise<void> {
    const disk = this.brokers.disks.get(id)!;
    if (how > 3) this.repair(id); // else it fails again at the start
    const before = this.has.get(id)!;
    if (how === 0)
      this.lose(
        id,
        before.map(() => 0),
        () => (disk.directoryId = `directory-${id}-${++this.directories}`),
      );
    if (how === 1 || how === 2)
      this.lose(
        id,
        before.map((records) => this.int(records + 1)),
        () => disk.generation++,
      );
    this.down.delete(id);
    for (const key of [...this.proposals.keys()]) if (key.startsWith(`${id}/`)) this.proposals.delete(key);
    await this.start(id);
  }

  private lose(id: number, now: number[], marked: () => unknown): void {
    for (const [partition, records] of now.entries()) {
      const held = Math.min(this.has.get(id)![partition]!, this.committed[partition]!);
      if (records < held) this.lost[partition]!.add(id);
    }
    this.has.set(id, now);
    marked();
  }

  /** The broker that leads, as it and the store see it. */
  private leaderOf(number: number): { broker: TestBroker; partition: PartitionImage } | undefined {
    const partition = this.brokers.view.current.partition(TOPIC, number)!;
    const broker = this.brokers.running.get(partition.leader);
    if (!broker || this.paused.has(broker.id) || broker.registration.current?.epoch !== partition.leaderBrokerEpoch) return undefined;
    if (broker.feed.current.partition(TOPIC, number)?.rev !== partition.rev || this.isOffline(broker.id, number)) return undefined;
    this.checkLog(partition);
    return { broker, partition };
  }

  private commit(number: number): void {
    const { broker, partition } = this.leaderOf(number) ?? {};
    if (!broker || !partition) return;
    const minIsr = this.minIsrOf(broker.feed.current);
    if (!mayCommit(partition, minIsr)) return;
    const members = new Set([...partition.isr, ...this.standing(broker, partition).flatMap(({ isr }) => isr)]);
    for (const id of members) {
      const member = this.brokers.running.get(id);
      const disk = this.brokers.view.current.brokers.get(id);
      if (!member || !disk || this.paused.has(id) || this.isOffline(id, number) || member.registration.current?.epoch !== disk.epoch)
        return;
      if (partition.isr.includes(id) && !isAdmittedDisk(partition, id, disk)) return;
    }
    this.committed[number] = this.has.get(broker.id)![number]! + 1;
    this.promised[number] = Math.min(this.promised[number]!, effectiveMinIsr(partition, minIsr));
    this.counts.committed++;
    for (const id of members) this.has.get(id)![number] = this.committed[number]!;
    this.redundant(partition);
  }

  private standing(broker: TestBroker, { partition: number, rev }: PartitionImage): Proposal[] {
    const key = `${broker.id}/${number}`;
    const left = (this.proposals.get(key) ?? []).filter((proposal) => proposal.rev >= rev);
    this.proposals.set(key, left);
    return left;
  }

  private async expand(number: number): Promise<void> {
    const { broker, partition } = this.leaderOf(number) ?? {};
    const id = this.pick(partition?.replicas ?? []) ?? -1;
    const follower = this.brokers.running.get(id);
    if (!broker || !partition || !follower || id === broker.id || this.paused.has(id) || this.isOffline(id, number)) return;
    const epoch = follower.registration.current?.epoch;
    const image = broker.feed.current;
    if (epoch === undefined || !canJoinIsr(image, partition, id, epoch) || !image.partition(TOPIC, number)!.replicas.includes(id)) return;
    if (partition.isr.includes(id) && isAdmittedDisk(partition, id, image.brokers.get(id)!)) return;
    this.has.get(id)![number] = this.has.get(broker.id)![number]!;
    await this.propose(broker, partition, [...partition.isr.filter((member) => member !== id), id], [{ id, epoch }]);
  }

  private async shrink(number: number): Promise<void> {
    const { broker, partition } = this.leaderOf(number) ?? {};
    const out = partition && this.pick(partition.isr.filter((id) => id !== partition.leader));
    if (broker && partition && out)
      await this.propose(
        broker,
        partition,
        partition.isr.filter((id) => id !== out),
        [],
      );
  }

  private async settleProposals(number: number): Promise<void> {
    const { broker, partition } = this.leaderOf(number) ?? {};
    if (broker && partition && this.standing(broker, partition).length > 0) await this.propose(broker, partition, partition.isr, []);
  }

  private async propose(
    { id, link, feed }: TestBroker,
    partition: PartitionImage,
    isr: readonly number[],
    admitted: readonly { id: number; epoch: number }[],
  ): Promise<void> {
    const { topicId: _, partition: number, rev, ...current } = partition;
    const facts = {
      minIsr: this.minIsrOf(feed.current),
      diskOf: (member: number) => feed.current.brokers.get(member),
      readmitted: admitted.map((one) => one.id),
    };
    const key = `${id}/${number}`;
    const proposal = { rev, isr };
    this.proposals.set(key, [...(this.proposals.get(key) ?? []), proposal]);
    const settled = () =>
      this.proposals.set(
        key,
        (this.proposals.get(key) ?? []).filter((other) => other !== proposal),
      );
    const leader = { id, epoch: partition.leaderBrokerEpoch };
    const writing = writeIsr(link.store, { partition, value: isrChange(current, isr, facts), leader, admitted }).then(
      ({ ok }) => {
        if (!ok) settled(); // certainly not applied; what is applied is seen in the image
      },
      (error) => {
        if (error instanceof UnavailableError) settled();
      },
    );
    await Promise.race([writing, this.turns(3)]);
  }

  private check(image: MetadataImage, before: PartitionImage, after: PartitionImage): void {
    const fail = (what: string) => this.failures.push(`${what}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
    const { isr, elr, replicas, leader, leaderEpoch, disks } = after;
    const isElected =
      leaderEpoch !== before.leaderEpoch || leader !== before.leader || after.leaderBrokerEpoch !== before.leaderBrokerEpoch;
    if (after.partitionEpoch !== before.partitionEpoch + 1) fail('the partition epoch does not grow by one');
    if (leaderEpoch !== before.leaderEpoch + (isElected ? 1 : 0)) fail('the leader epoch does not grow with the leader');
    if (isr.length === 0) fail('an empty ISR');
    if (new Set([...isr, ...elr]).size !== isr.length + elr.length) fail('a member twice');
    if (![...isr, ...elr].every((id) => replicas.includes(id))) fail('a member is no replica');
    if (leader !== -1 && !isr.includes(leader)) fail('the leader is not in the ISR');
    if (!this.more && elr.length > 0 && isr.length >= effectiveMinIsr(after, MIN_ISR)) fail('an ELR beside a whole ISR');
    if ([...isr, ...elr].join() !== disks.map(({ id }) => id).join()) fail('not one disk for each member');
    if (isElected) this.checkElection(image, before, after, fail);
    for (const id of before.replicas) if (!replicas.includes(id)) this.has.get(id)![after.partition] = 0; // the replica is deleted
    this.redundant(after);
  }

  private checkElection(image: MetadataImage, before: PartitionImage, after: PartitionImage, fail: (what: string) => void): void {
    const { leader, leaderBrokerEpoch, leaderEpoch, partition: number } = after;
    const key = `${number}/${leaderEpoch}`;
    if (this.leaders.has(key)) fail(`a second leader in one epoch after ${this.leaders.get(key)}`);
    this.leaders.set(key, `${leader}/${leaderBrokerEpoch}`);
    if (leader === -1) return;
    this.counts.elections++;
    const broker = image.brokers.get(leader);
    if (broker?.epoch !== leaderBrokerEpoch) {
      fail('the leader is not registered');
      return;
    }
    if (![...before.isr, ...before.elr].includes(leader)) fail('the leader was no member');
    if (isForeign(before, leader, broker)) fail('the leader is on a foreign disk');
    if (image.isReplicaOffline(leader, before)) fail('the leader is on a failed disk');
    if (image.isReplicaLost(leader, before)) fail('the leader is on a replaced disk');
    if (isSuspect(before, leader, broker)) {
      const members = [...before.isr, ...before.elr].filter((id) => {
        const member = image.brokers.get(id);
        return !member || !(isForeign(before, id, member) || image.isReplicaLost(id, before));
      });
      // Who has told, and died since, has no more records than it told of.
      const isThere = (id: number) => image.brokers.has(id) && !image.isReplicaOffline(id, before);
      const isKnown = (id: number) => isThere(id) || this.told.has(`${number}/${before.leaderEpoch}/${id}`);
      if (!members.every(isKnown)) fail('a suspect leads though a member is missing');
      if (after.isr.length !== 1) fail('a suspect leads with others in the ISR');
    }
  }

  /**
   * What a leader has is looked at when it leads, under the registration that was elected: a process that is gone may have been elected by a late
   * registration of its own, and serves nobody.
   */
  private checkLog(partition: PartitionImage): void {
    const { leader, leaderEpoch, partition: number } = partition;
    const key = `${number}/${leaderEpoch}`;
    if (this.checked.has(key)) return;
    this.checked.add(key);
    const [has, committed] = [this.has.get(leader)![number]!, this.committed[number]!];
    if (has >= committed) return;
    // A record survives while fewer than effective min ISR disks have lost it.
    if (this.lost[number]!.size < this.promised[number]!) {
      this.failures.push(`LOSS: the leader has ${has} of ${committed} committed records: ${JSON.stringify(partition)}`);
    }
    this.counts.excused++;
    this.committed[number] = has;
    for (const held of this.has.values()) held[number] = Math.min(held[number]!, has);
  }

  /** Old losses are forgotten once all that is committed is on min ISR admitted disks again. */
  private redundant(partition: PartitionImage): void {
    const number = partition.partition;
    const minIsr = effectiveMinIsr(partition, this.minIsrOf(this.brokers.view.current));
    if (partition.isr.length < minIsr) return;
    const whole = partition.isr.every((id) => {
      const now = this.brokers.disks.get(id)!;
      return this.has.get(id)![number]! >= this.committed[number]! && isAdmittedDisk(partition, id, now);
    });
    if (!whole) return;
    this.lost[number]!.clear();
    this.promised[number] = minIsr;
  }

  /** The faults end: everything is available again, but where all members have lost their disks. */
  private async heal(): Promise<void> {
    this.calm = true;
    while (this.late.length > 0) await this.late.shift()!();
    while (this.paused.size > 0) this.resume();
    for (const broker of this.stopping) if (this.brokers.running.get(broker.id) === broker) this.kill(broker);
    while (this.dead.length > 0) await this.expireOne();
    for (const id of [...this.down]) await this.restart(id, 9);
    for (let round = 0; round < 12; round++) {
      await this.brokers.clock.advance(1_000);
      await this.turns(10);
      await this.replaceFailed();
      for (const number of ASSIGNMENT.keys()) {
        await this.settleProposals(number);
        await this.turns(5);
        for (let i = 0; i < 12; i++) {
          await this.expand(number);
          await this.turns(5);
        }
      }
    }
    const image = this.brokers.view.current;
    for (const number of ASSIGNMENT.keys()) {
      const partition = image.partition(TOPIC, number)!;
      const members = [...partition.isr, ...partition.elr];
      const needsOperator = members.every((id) => isForeign(partition, id, image.brokers.get(id)!) || image.isReplicaLost(id, partition));
      const { replicas, adding, removing } = partition;
      const whole = partition.leader !== -1 && partition.isr.length === replicas.length && adding.length + removing.length === 0;
      if (!whole && !needsOperator) this.failures.push(`not available again: ${JSON.stringify(partition)}`);
    }
    if ([...this.brokers.running.values()].filter(({ controller }) => controller.fence !== undefined).length !== 1) {
      this.failures.push('not one controller');
    }
  }
}
