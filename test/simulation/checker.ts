import type { Services } from '../../src/handlers/services.ts';
import { parseKey, partitionKey } from '../../src/metadata/keys.ts';
import type { Op, Rev } from '../../src/metadata/store.ts';
import { type PartitionValue, parseBroker, parseController, parseOffline, parsePartition, parseTopic } from '../../src/metadata/values.ts';
import type { Partition } from '../../src/replication/partition.ts';
import { Ledger, type Machines, type ReplicaView } from './ledger.ts';
import type { StoredBatch } from './log-index.ts';
import type { Machine, World } from './machine.ts';
import { replicasOf, viewOf } from './replica-views.ts';
import type { Process } from './scheduler.ts';

/** Watches the store and every replica, after every event, and holds each partition's ledger. */
export class Checker implements Machines {
  readonly ledgers = new Map<string, Ledger>();
  /** Who was elected last. */
  controller = -1;
  /** Topic ids of topics that are there. */
  private readonly existing = new Set<string>();
  private readonly names = new Map<string, string>();
  /** Brokers that told, under their present registration, of disks that failed: which of their partitions. */
  private readonly offline = new Map<number, (topicId: string, partition: number) => boolean>();
  /** By broker: whether it told that what it had of a partition went with a disk that was replaced. `generation`: of whom it admitted before that. */
  private readonly lost = new Map<number, (topicId: string, partition: number, generation: number) => boolean>();
  private readonly seen = new WeakMap<Partition, ReplicaView>();
  /** What a process had, when it was last looked at. */
  private readonly had = new WeakMap<Services, ReadonlySet<Partition>>();
  private readonly machines: ReadonlyMap<number, Machine>;
  private readonly world: World;
  private readonly minIsr: number;

  constructor(world: World, machines: ReadonlyMap<number, Machine>, minIsr: number) {
    this.world = world;
    this.machines = machines;
    this.minIsr = minIsr;
    world.store.onCommit = (rev, ops, from) => this.committed(rev, ops, from);
  }

  /** Those of topics that exist: a creation that failed leaves partitions behind, which are swept. */
  *ofTopics(): Generator<Ledger> {
    for (const [key, ledger] of this.ledgers) {
      const parsed = parseKey(key);
      if (parsed?.kind === 'partition' && this.existing.has(parsed.topicId)) yield ledger;
    }
  }

  ledger(topic: string, index: number): Ledger | undefined {
    for (const ledger of this.ledgers.values()) if (ledger.name === `${topic}-${index}`) return ledger;
    return undefined;
  }

  isAdmitted(id: number, { disks }: PartitionValue): boolean {
    const disk = this.machines.get(id)?.diskId;
    const admitted = disks.find((one) => one.id === id);
    return !admitted || (disk?.directoryId === admitted.directoryId && disk.generation === admitted.generation);
  }

  runsRegistered(id: number): boolean {
    const machine = this.machines.get(id);
    return machine?.isUp === true && machine.registeredBy === machine.process;
  }

  /** No member of the ISR or the ELR has the disk that was admitted: only an operator can say what is to be lost. */
  needsOperator({ topicId, index, value }: Ledger): boolean {
    const members = [...value.isr, ...value.elr];
    return !members.some((id) => {
      const admitted = value.disks.find((disk) => disk.id === id);
      if (this.lost.get(id)?.(topicId, index, admitted?.generation ?? -1)) return false;
      return !admitted || this.machines.get(id)?.diskId?.directoryId === admitted.directoryId;
    });
  }

  /** Whether it told that its disk has failed. */
  toldOfFailure({ id }: Machine): boolean {
    return this.offline.has(id);
  }

  /** A process began, or its machine's disk was exchanged: nothing that was seen of it counts any more. */
  processBegan({ id }: Machine): void {
    for (const ledger of this.ledgers.values()) ledger.processBegan(id);
  }

  /** Does something to a machine's disk that may lose data, and notes what was lost. */
  exchangeDisk(machine: Machine, act: () => void): void {
    const before = new Map<Ledger, StoredBatch[]>();
    for (const ledger of this.ledgers.values()) {
      const log = this.freshLog(ledger, machine);
      const forgotten = ledger.isCompacted ? ledger.committed.filter((batch) => !log.has(batch) && ledger.holds(log, batch)) : [];
      before.set(ledger, [...log.batches(), ...forgotten]);
    }
    act();
    for (const [ledger, batches] of before) {
      ledger.share(machine.id).log.reset();
      this.freshLog(ledger, machine);
      ledger.diskLost(machine.id, batches);
    }
  }

  /** After each event of `machine`'s process. */
  afterEvent(machine: Machine): void {
    if (!machine.isUp || !machine.services) return;
    this.look(machine, machine.services);
  }

  private look(machine: Machine, services: Services): void {
    const has = new Set<Partition>();
    for (const partitions of replicasOf(services).values()) {
      for (const partition of partitions) {
        if (!partition) continue;
        has.add(partition);
        const before = this.seen.get(partition);
        const view = viewOf(partition, before);
        if (view === null || view === before) continue;
        this.seen.set(partition, view);
        const ledger = this.ledgers.get(partitionKey(partition.topicId, partition.index));
        if (ledger) this.changed(machine, ledger, view, before);
      }
    }
    for (const partition of this.had.get(services) ?? []) if (!has.has(partition)) this.left(machine, partition);
    this.had.set(services, has);
  }

  /** A replica is gone; in the same event its high watermark may have risen, and clients been told. */
  private left(machine: Machine, partition: Partition): void {
    const before = this.seen.get(partition);
    const view = viewOf(partition, undefined);
    const ledger = this.ledgers.get(partitionKey(partition.topicId, partition.index));
    if (!before || !view || !ledger) return;
    ledger.observe(machine.id, `b${machine.id}.${machine.incarnation}`, { ...view, leads: false }, before);
  }

  private changed(machine: Machine, ledger: Ledger, view: ReplicaView, before: ReplicaView | undefined): void {
    const { trace } = this.world;
    // A high watermark moves without the files.
    if (before?.logEndOffset !== view.logEndOffset || before.leaderEpoch !== view.leaderEpoch) this.freshLog(ledger, machine);
    if (!before || before.leads !== view.leads || before.leaderEpoch !== view.leaderEpoch) {
      trace.tell(machine.host, `${ledger.name} ${textOf(view)}`);
    } else if (view.logEndOffset < before.logEndOffset) {
      trace.tell(machine.host, `${ledger.name} truncated from ${before.logEndOffset} to ${view.logEndOffset}`);
    } else if (trace.wanted) {
      trace.event(machine.host, `${ledger.name} ${textOf(view)}`);
    }
    ledger.observe(machine.id, `b${machine.id}.${machine.incarnation}`, view, before);
  }

  freshLog(ledger: Ledger, machine: Machine) {
    const { log } = ledger.share(machine.id);
    log.refresh(machine.disk.files, ledger.isCompacted);
    return log;
  }

  private committed(rev: Rev, ops: readonly Op[], from: Process): void {
    for (const op of ops) if ('put' in op && parseKey(op.put)?.kind === 'offline') this.toldOffline(op.put, op.value);
    for (const op of ops) {
      if ('put' in op) this.put(rev, op.put, op.value, from);
      else this.deleted(op.del);
    }
  }

  private put(rev: Rev, key: string, value: Uint8Array, from: Process): void {
    const parsed = parseKey(key);
    if (parsed?.kind === 'topic') {
      const { topicId, partitions } = parseTopic(key, value);
      this.names.set(topicId, parsed.name);
      this.existing.add(topicId);
      this.world.trace.tell('store', `topic ${parsed.name} ${partitions}`);
    } else if (parsed?.kind === 'partition') {
      this.partitionWritten(key, parsed.topicId, parsed.partition, parsePartition(key, value), rev, from);
    } else if (parsed?.kind === 'live') {
      const machine = this.machines.get(parsed.id);
      const { directoryId, generation } = parseBroker(key, value);
      if (machine) {
        machine.registeredBy = from;
        machine.registrations++;
        machine.diskId = { directoryId, generation };
      }
      this.world.trace.tell('store', `broker ${parsed.id} registered with epoch ${rev}, disk ${directoryId.slice(0, 4)}/${generation}`);
    } else if (parsed?.kind === 'controller') {
      this.controller = parseController(key, value).brokerId;
      this.world.trace.tell('store', `controller ${Buffer.from(value).toString()} at ${rev}`);
    }
  }

  private toldOffline(key: string, value: Uint8Array): void {
    const parsed = parseKey(key);
    if (parsed?.kind !== 'offline') return;
    const { all, lost, topics } = parseOffline(key, value);
    if (lost)
      this.lost.set(
        parsed.id,
        (topicId, partition, generation) => generation < lost.generation && (lost.all || lost.topics.get(topicId)?.has(partition) === true),
      );
    this.offline.set(parsed.id, (topicId, partition) => all || topics.get(topicId)?.has(partition) === true);
    this.world.trace.tell('store', `broker ${parsed.id} tells of failed disks: ${Buffer.from(value).toString()}`);
  }

  private deleted(key: string): void {
    const parsed = parseKey(key);
    if (parsed?.kind === 'offline') this.offline.delete(parsed.id);
    else if (parsed?.kind === 'live') {
      const machine = this.machines.get(parsed.id);
      if (machine) machine.registeredBy = null;
      this.world.trace.tell('store', `broker ${parsed.id} is gone`);
    } else if (parsed?.kind === 'partition') this.ledgers.delete(key);
    else if (parsed?.kind === 'topic') {
      for (const topicId of this.existing) if (this.names.get(topicId) === parsed.name) this.existing.delete(topicId);
    } else if (parsed?.kind === 'controller') this.world.trace.tell('store', 'the controller is gone');
  }

  private partitionWritten(key: string, topicId: string, index: number, value: PartitionValue, rev: Rev, from: Process): void {
    let ledger = this.ledgers.get(key);
    if (!ledger) {
      const name = () => `${this.names.get(topicId) ?? topicId}-${index}`;
      ledger = new Ledger({ topicId, index, name }, this.minIsr, value, this);
      const own = ledger;
      ledger.proposed = () => this.proposedMembers(key, own);
      this.ledgers.set(key, ledger);
    }
    const { replicas, adding, removing, isr, elr, leader, leaderEpoch } = value;
    const { value: before } = ledger;
    if (leaderEpoch > before.leaderEpoch && this.offline.get(leader)?.(topicId, index))
      ledger.fail('OFFLINE', `broker ${leader} is elected, which told that its disk has failed`);
    const moves = adding.length + removing.length > 0 ? ` of [${replicas}] adding [${adding}] removing [${removing}]` : '';
    this.world.trace.tell(
      'store',
      `${ledger.name} leader ${leader} epoch ${leaderEpoch} isr [${isr}] elr [${elr}]${moves} at ${rev} by ${from.name}`,
    );
    ledger.partitionWritten(value, rev);
  }

  /** Members of ISRs that are on their way to the store and would be taken. */
  private proposedMembers(key: string, { revision }: Ledger): number[] {
    const members: number[] = [];
    for (const { conds, ops } of this.world.store.pending) {
      if (!conds.every((cond) => (this.world.store.engine.get(cond.key)?.rev ?? 0) === cond.rev)) continue;
      if (!conds.some((cond) => cond.key === key && cond.rev === revision)) continue;
      for (const op of ops) if ('put' in op && op.put === key) members.push(...parsePartition(key, op.value).isr);
    }
    return members;
  }
}

const textOf = ({ leads, leaderEpoch, logStartOffset, lastStableOffset, highWatermark, logEndOffset }: ReplicaView): string =>
  `${leads ? 'leads' : 'follows'} epoch ${leaderEpoch} start ${logStartOffset} lso ${lastStableOffset} hw ${highWatermark} leo ${logEndOffset}`;
