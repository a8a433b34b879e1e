import type { BrokerConfig } from '../config.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { fenced, type PartitionWrite, writeBatches } from './controller-writes.ts';
import { decide, type ElectionPolicy, electionPolicies } from './elections.ts';
import type { MetadataImage, PartitionImage } from './image.ts';
import type { ImageChanges } from './image-changes.ts';
import type { MetadataFeed } from './image-feed.ts';
import { growInternalTopic } from './internal-replicas.ts';
import { isStopping } from './isr.ts';
import { CONTROLLER_EPOCH_KEY, CONTROLLER_KEY, liveBrokerKey, partitionKey } from './keys.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import { Reconciler } from './reconciler.ts';
import type { Registered } from './registration.ts';
import { type Cond, InDoubtError, MAX_OPS, type MetadataStore, type Op, type Rev } from './store.ts';
import { type ControllerValue, encodeValue } from './values.ts';

export interface ControllerOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly config: () => BrokerConfig;
  /** This broker's registration; undefined: it has none at the moment, and can be no controller. */
  readonly registered: () => Registered | undefined;
}

/** Looks at everything again: what orphans there are, and in case that something was overlooked. */
const CHORE_INTERVAL_MS = 60_000;
/** After a conflict: the fewer partitions in a transaction, the fewer others can be in its way. */
const SMALL_BATCH = 5;
const UNCLEAN = 'a replica that may lack records was elected leader: what only the others had is lost';

/** One term of office: what this broker writes as the controller is fenced by `fence`. */
interface Term {
  readonly fence: Rev;
  readonly registered: Registered;
}

/**
 * Every broker runs one; the one that the store elected acts: it takes dead brokers out, elects leaders, ends reassignments, and sweeps.
 *
 * It reacts to states, not to events: each pass compares the image with what should be, and every write depends on what it was decided from
 * (metadata-store rules 1 to 6). A write that finds something changed is decided anew; one in doubt is too, at worst in vain.
 */
export class Controller {
  private readonly options: ControllerOptions;
  private readonly loop: Reconciler;
  private readonly unsubscribe: () => void;
  private readonly sweep: OrphanSweep;
  private term: Term | undefined;
  /** Broker -> the registration under which its peers saw it die. */
  private readonly dead = new Map<number, Rev>();
  /** Partitions to be looked at, by key; beyond `everything`. */
  private readonly dirty = new Map<string, { topic: string; partition: number }>();
  private everything = true;
  private batchSize = MAX_OPS;
  private balanceDue = false;
  private timers: Timer[] = [];
  private lastFailure = '';
  private closed = false;

  constructor(options: ControllerOptions) {
    const { clock, metadata, logger } = options;
    this.options = options;
    this.sweep = new OrphanSweep(options.store);
    this.loop = new Reconciler({
      clock,
      pass: () => this.pass(),
      onError: (error) => {
        this.everything = true;
        // Once for each reason, however often it is tried again.
        if (String(error) !== this.lastFailure)
          logger.warn({ err: error }, 'the controller could not write to the metadata store; trying again');
        this.lastFailure = String(error);
      },
    });
    this.unsubscribe = metadata.onChange((image, changes) => this.follow(image, changes));
    this.loop.kick();
  }

  /** The fence of this broker's term as the controller; undefined: it is not the controller. */
  get fence(): Rev | undefined {
    return this.term?.fence;
  }

  /** When this broker's registration changed. */
  kick(): void {
    this.loop.kick();
  }

  /** Its peers saw the process end that is registered under this epoch (metadata-store rule 10). */
  brokerDied(id: number, epoch: Rev): void {
    this.dead.set(id, Math.max(epoch, this.dead.get(id) ?? 0));
    this.loop.kick();
  }

  /** Resolves when there is nothing to do at the moment, in this broker's eyes. */
  settled(): Promise<void> {
    return this.loop.idle();
  }

  /** Lets others take over at once. */
  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    await this.loop.close();
    const { term } = this;
    this.stepDown();
    if (!term) return;
    try {
      await this.options.store.txn([{ key: CONTROLLER_KEY, rev: term.fence }], [{ del: CONTROLLER_KEY }]);
    } catch {
      // Its lease ends all the same.
    }
  }

  private follow(image: MetadataImage, changes: ImageChanges): void {
    if (this.term && image.revision >= this.term.fence) this.markChanged(image, changes);
    const concerns =
      changes.controller ||
      changes.brokers.length > 0 ||
      (this.term && (changes.partitions.length > 0 || changes.configs.length > 0 || changes.logEnds.length > 0));
    if (concerns) this.loop.kick();
  }

  private markChanged(image: MetadataImage, changes: ImageChanges): void {
    if (changes.brokers.length > 0 || changes.configs.length > 0) this.everything = true;
    if (this.everything) return;
    for (const { topic, partition } of changes.partitions) this.mark(topic.name, partition);
    for (const { topicId, partition } of changes.logEnds) {
      const topic = image.topicById(topicId);
      if (topic) this.dirty.set(partitionKey(topicId, partition), { topic: topic.name, partition });
    }
  }

  private mark(topic: string, { topicId, partition }: PartitionImage): void {
    this.dirty.set(partitionKey(topicId, partition), { topic, partition });
  }

  private async pass(): Promise<void> {
    const { metadata, registered } = this.options;
    const me = registered();
    if (this.term && !this.holds(this.term, metadata.current, me)) this.stepDown();
    if (!me) return;
    if (!this.term && this.mayCampaign(metadata.current)) await this.campaign(metadata.current, me);
    if (this.term) await this.act(this.term);
    this.lastFailure = '';
  }

  /** Until the image has reached the term's beginning it knows nothing of it. */
  private holds({ fence, registered }: Term, image: MetadataImage, me: Registered | undefined): boolean {
    if (registered.epoch !== me?.epoch) return false;
    return image.revision < fence || (image.controllerEpoch.rev === fence && image.controller?.rev === fence);
  }

  private stepDown(): void {
    if (this.term && !this.closed) this.tell({}, 'this broker is not the controller any more');
    this.term = undefined;
    this.dirty.clear();
    this.everything = true;
    for (const timer of this.timers) timer.cancel();
    this.timers = [];
  }

  /** Metadata-store rule 1, also in place of a controller that is dead: which it is, the conditions decide. */
  private async campaign(image: MetadataImage, me: Registered): Promise<void> {
    const { store, metadata, nodeId, logger } = this.options;
    const { controller, controllerEpoch } = image;
    const conds: Cond[] = [
      { key: CONTROLLER_KEY, rev: controller?.rev ?? 0 },
      { key: CONTROLLER_EPOCH_KEY, rev: controllerEpoch.rev },
    ];
    const value: ControllerValue = { brokerId: nodeId, controllerEpoch: controllerEpoch.value + 1 };
    const ops: Op[] = [
      { put: CONTROLLER_KEY, value: encodeValue(value), lease: me.lease.id },
      { put: CONTROLLER_EPOCH_KEY, value: encodeValue(value.controllerEpoch) },
    ];
    const dead = controller && controller.brokerId !== nodeId ? controller.brokerId : undefined;
    if (dead !== undefined) {
      const epoch = image.brokers.get(dead)?.epoch ?? 0;
      conds.push({ key: liveBrokerKey(dead), rev: epoch });
      if (epoch > 0) ops.push({ del: liveBrokerKey(dead) });
    }
    const rev = await this.elected(store.txn(conds, ops), me);
    if (rev === undefined) return;
    if (dead !== undefined) logger.warn({ broker: dead }, 'a broker has died');
    this.term = { fence: rev, registered: me };
    this.everything = true;
    await metadata.waitFor(rev);
    this.tell({ controllerEpoch: value.controllerEpoch }, 'this broker is the controller');
    this.beginChores();
  }

  /** The fence, if this broker won. */
  private async elected(txn: Promise<{ ok: boolean; rev: Rev }>, me: Registered): Promise<Rev | undefined> {
    const { store, metadata } = this.options;
    try {
      const { ok, rev } = await txn;
      if (ok) return rev;
      await metadata.waitFor(rev);
      this.loop.kick(); // by what is there now
      return undefined;
    } catch (error) {
      if (!(error instanceof InDoubtError)) throw error;
      const { kv, rev } = await store.get(CONTROLLER_KEY);
      if (kv?.lease === me.lease.id) return kv.rev;
      await metadata.waitFor(rev);
      throw error; // it may still come: what is decided then tells, a little later
    }
  }

  private mayCampaign(image: MetadataImage): boolean {
    const { nodeId } = this.options;
    const { controller } = image;
    const others = [...image.brokers.keys()].some((id) => id !== nodeId && !isStopping(image, id) && !this.isDead(image, id));
    if (isStopping(image, nodeId) && others) return false;
    if (!controller || controller.brokerId === nodeId) return true; // its own: of the process before this one
    return !image.brokers.has(controller.brokerId) || this.isDead(image, controller.brokerId);
  }

  private isDead(image: MetadataImage, id: number): boolean {
    const broker = image.brokers.get(id);
    return broker !== undefined && broker.epoch === this.dead.get(id);
  }

  /** One broker alone need not say that it is its own controller. */
  private tell(fields: object, message: string): void {
    if (this.options.metadata.current.knownBrokers.size > 1) this.options.logger.info(fields, message);
  }

  private async act(term: Term): Promise<void> {
    const { metadata } = this.options;
    await this.bury(term);
    const writes = this.decideAll(metadata.current);
    if (writes.length > 0) await this.write(term, writes);
    await this.sweepOrphans(term);
  }

  /** Metadata-store rule 10: who is dead is not waited for until its lease ends. */
  private async bury({ fence }: Term): Promise<void> {
    const { store, metadata, logger } = this.options;
    for (const [id, epoch] of [...this.dead]) {
      const broker = metadata.current.brokers.get(id);
      if (broker?.epoch === epoch) {
        const key = liveBrokerKey(id);
        const { ok, rev } = await store.txn([...fenced(fence), { key, rev: epoch }], [{ del: key }]);
        if (ok) logger.warn({ broker: id }, 'a broker has died');
        await metadata.waitFor(rev);
      }
      if (this.dead.get(id) === epoch) this.dead.delete(id);
    }
  }

  private decideAll(image: MetadataImage): PartitionWrite[] {
    const writes: PartitionWrite[] = [];
    const preferred = this.balanceDue;
    for (const { topic, partition, policy } of this.toLookAt(image)) {
      const decision = decide(image, partition, policy, { preferred }) ?? growInternalTopic(image, topic, partition);
      if (decision) writes.push({ topic, before: partition, ...decision });
    }
    this.dirty.clear();
    this.everything = false;
    this.balanceDue = false;
    return writes;
  }

  private *toLookAt(image: MetadataImage): Generator<{ topic: string; partition: PartitionImage; policy: ElectionPolicy }> {
    const policyOf = electionPolicies(this.options.config(), image);
    if (this.everything || this.balanceDue) {
      for (const { name, partitions } of image.topics()) {
        const policy = policyOf(name);
        for (const partition of partitions) yield { topic: name, partition, policy };
      }
      return;
    }
    for (const { topic, partition: number } of this.dirty.values()) {
      const partition = image.partition(topic, number);
      if (partition) yield { topic, partition, policy: policyOf(topic) };
    }
  }

  private async write(term: Term, writes: readonly PartitionWrite[]): Promise<void> {
    const { store, metadata, logger } = this.options;
    let conflicts = 0;
    let last: Rev = 0;
    for (const batch of writeBatches(fenced(term.fence), writes, this.batchSize)) {
      if (this.closed || this.options.registered()?.epoch !== term.registered.epoch) break;
      const { ok, rev } = await store.txn(batch.conds, batch.ops);
      last = Math.max(last, rev);
      if (!ok) conflicts++;
      for (const { topic, before, value, unclean } of batch.writes) {
        if (!ok) this.mark(topic, before);
        else if (unclean) logger.warn({ topic, partition: before.partition, leader: value.leader }, UNCLEAN);
      }
    }
    await metadata.waitFor(last);
    this.batchSize = conflicts > 0 ? SMALL_BATCH : MAX_OPS;
    if (conflicts > 0) this.loop.kick();
  }

  private beginChores(): void {
    const { clock, metadata } = this.options;
    // Alone, nobody else is creating or deleting a topic.
    this.sweep.begin(metadata.current.brokers.size === 1);
    const repeat = (everyMs: () => number, work: () => void) => {
      const place = this.timers.length;
      const again = () => {
        this.timers[place] = clock.after(everyMs(), () => {
          again();
          work();
          this.loop.kick();
        });
      };
      again();
    };
    repeat(
      () => CHORE_INTERVAL_MS,
      () => {
        this.everything = true;
        this.sweep.due = true;
      },
    );
    repeat(
      () => this.options.config().long('leader.imbalance.check.interval.seconds') * 1_000,
      () => {
        this.balanceDue = this.options.config().bool('auto.leader.rebalance.enable') && metadata.current.brokers.size > 1;
      },
    );
  }

  private async sweepOrphans({ fence }: Term): Promise<void> {
    if (this.sweep.due) await this.sweep.run(this.options.metadata.current, fence);
  }
}
