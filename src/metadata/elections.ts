import type { BrokerConfig } from '../config.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { BrokerImage, LogEndImage, MetadataImage, PartitionImage } from './image.ts';
import { effectiveMinIsr, isForeign, isLost, isOffline, isStopping, isSuspect, type MemberFacts, withIsr } from './isr.ts';
import { liveBrokerKey, offlineReplicasKey } from './keys.ts';
import type { Cond } from './store.ts';
import type { PartitionValue } from './values.ts';

/** What a topic's configuration says of its elections. */
export interface ElectionPolicy {
  /** min.insync.replicas */
  readonly minIsr: number;
  /** unclean.leader.election.enable: a replica that may lack records leads, rather than none. */
  readonly unclean: boolean;
}

/** The policy of each topic, by name. */
export function electionPolicies(config: BrokerConfig, image: MetadataImage): (topic: string) => ElectionPolicy {
  return (name) => {
    const topic = config.topic(image.configs({ type: 'topic', name }));
    return { minIsr: topic.minInsyncReplicas, unclean: topic.uncleanLeaderElectionEnable };
  };
}

export interface ElectionRequest {
  /** Moves the leadership to the first replica, if that may lead. */
  readonly preferred?: boolean;
  /** An operator's command: where nobody may lead without a loss, a live replica does with what it has, without waiting for the other members. */
  readonly unclean?: boolean;
}

/** What the controller writes of a partition, on top of the conditions that all its writes have. */
export interface PartitionDecision {
  readonly value: PartitionValue;
  readonly conds: readonly Cond[];
  /** A leader was elected that may lack committed records. */
  readonly unclean: boolean;
}

/**
 * What a broker is to a partition whose replica it may have. gone: not registered · foreign: on another directory than the one admitted ·
 * offline: on a disk that failed, for as long as the broker is registered · suspect: on the one admitted, which may have lost records · intact: all that it had when admitted it has.
 */
type Standing = 'gone' | 'foreign' | 'offline' | 'suspect' | 'intact';

interface Leadership {
  readonly value: PartitionValue;
  /** undefined: the leadership stays as it was, or nobody has it. */
  readonly elected: BrokerImage | undefined;
  readonly unclean: boolean;
}

/**
 * What should change of a partition: metadata-store rules 3 (the dead leave the ISR), 5 (suspects, foreign disks), 6 (elections), controlled
 * shutdown, and the end of a reassignment. undefined: nothing. It depends on the image alone, so that it may be asked at any time.
 */
export function decide(
  image: MetadataImage,
  partition: PartitionImage,
  policy: ElectionPolicy,
  request: ElectionRequest = {},
): PartitionDecision | undefined {
  const view = new PartitionView(image, partition, policy);
  const { value, elected, unclean } = view.candidates().length > 0 ? view.ledByMember(request) : view.ledByNoMember(request);
  if (value === view.before && !elected) return undefined;
  const conds: Cond[] = [];
  if (elected) {
    conds.push({ key: liveBrokerKey(elected.id), rev: elected.epoch });
    if (safetyRules.checkOffline) conds.push({ key: offlineReplicasKey(elected.id), rev: image.parts.offline.get(elected.id)?.rev ?? 0 });
  }
  for (const id of partition.isr) {
    if (!value.isr.includes(id) && !image.brokers.has(id)) conds.push({ key: liveBrokerKey(id), rev: 0 });
  }
  return { value: { ...value, partitionEpoch: partition.partitionEpoch + 1 }, conds, unclean };
}

/** Who may be elected without a loss, the preferred first; what an operator's election asks too. */
export function electable(image: MetadataImage, partition: PartitionImage, policy: ElectionPolicy): number[] {
  return new PartitionView(image, partition, policy).candidates();
}

class PartitionView {
  readonly before: PartitionValue;
  private readonly image: MetadataImage;
  private readonly policy: ElectionPolicy;
  private readonly logEnds: ReadonlyMap<number, LogEndImage> | undefined;
  private readonly partition: PartitionImage;
  /** As it is, or without those that a reassignment has done with. */
  private readonly current: PartitionValue;

  constructor(image: MetadataImage, partition: PartitionImage, policy: ElectionPolicy) {
    const { topicId, partition: number, rev: _, ...value } = partition;
    this.image = image;
    this.policy = policy;
    this.partition = partition;
    this.before = value;
    this.logEnds = image.logEnds(topicId, number);
    this.current = this.reassigned() ?? value;
  }

  /** Rules 6 (i) and (ii): the intact members of the ISR, or if there is none those of the ELR; who is not about to stop first. */
  candidates(): number[] {
    const { isr, elr, replicas } = this.current;
    const intact = replicas.filter((id) => this.standing(id) === 'intact');
    let found = intact.filter((id) => isr.includes(id));
    if (found.length === 0) found = intact.filter((id) => elr.includes(id));
    if (!safetyRules.electOnlyEligible) found = intact;
    return [...found.filter((id) => !isStopping(this.image, id)), ...found.filter((id) => isStopping(this.image, id))];
  }

  ledByMember(request: ElectionRequest): Leadership {
    const candidates = this.candidates();
    const { current } = this;
    const leads = this.mayGoOn(current.leader);
    const elected = leads && !this.shouldMove(candidates, request) ? undefined : this.image.brokers.get(this.choose(candidates, request))!;
    const leader = elected?.id ?? current.leader;
    let isr = current.isr.filter((id) => this.mayStay(id));
    if (!current.isr.some((id) => candidates.includes(id))) isr = []; // (ii)
    if (!isr.includes(leader)) isr = [...isr, leader];
    if (!isStopping(this.image, leader)) isr = isr.filter((id) => !isStopping(this.image, id));
    const value = withIsr(current, isr, this.facts());
    if (!elected) return { value: this.same(value) ? this.before : value, elected, unclean: false };
    return { value: this.led(value, elected), elected, unclean: false };
  }

  ledByNoMember(request: ElectionRequest): Leadership {
    const { current } = this;
    const elected = this.highestSuspect();
    if (elected) {
      const value = withIsr(current, [elected.id], { ...this.facts(), readmitted: [elected.id] });
      return { value: this.led(value, elected), elected, unclean: false };
    }
    const unclean = request.unclean || (this.policy.unclean && this.misses()) ? this.uncleanChoice() : undefined;
    if (unclean) {
      // What the others hold need not agree with what is committed from now on.
      const value = withIsr(current, [unclean.id], { ...this.facts(), readmitted: [unclean.id], ineligible: () => true });
      return { value: this.led({ ...value, elr: [] }, unclean), elected: unclean, unclean: true };
    }
    const isr = safetyRules.keepLastMember ? current.isr : [];
    if (current.leader === -1 && isr.length === current.isr.length) return { value: this.before, elected: undefined, unclean: false };
    const leaderEpoch = current.leader === -1 ? current.leaderEpoch : current.leaderEpoch + 1;
    return { value: { ...current, isr, leader: -1, leaderBrokerEpoch: -1, leaderEpoch }, elected: undefined, unclean: false };
  }

  private standing(id: number): Standing {
    const broker = this.image.brokers.get(id);
    if (!broker) return 'gone';
    if (isForeign(this.before, id, broker) || isLost(this.image, this.partition, id)) return 'foreign';
    if (isOffline(this.image, this.partition, id)) return 'offline';
    return isSuspect(this.before, id, broker) ? 'suspect' : 'intact';
  }

  private facts(): MemberFacts {
    return {
      minIsr: this.policy.minIsr,
      diskOf: (id) => this.image.brokers.get(id),
      ineligible: (id) => this.standing(id) === 'foreign' || !this.current.replicas.includes(id),
    };
  }

  /** A broker leads only under the registration that was elected (rule 6). */
  private mayGoOn(leader: number): boolean {
    const broker = this.image.brokers.get(leader);
    if (!broker || !this.current.isr.includes(leader) || this.standing(leader) !== 'intact') return false;
    return broker.epoch === this.current.leaderBrokerEpoch || !safetyRules.leadUnderOneRegistration;
  }

  /** Rules 3 and 5: dead members and those on a foreign or failed disk leave the ISR. */
  private mayStay(id: number): boolean {
    const standing = this.standing(id);
    if (standing === 'gone') return !safetyRules.deadLeaveIsr;
    return standing !== 'foreign' && standing !== 'offline' && this.current.replicas.includes(id);
  }

  private choose(candidates: readonly number[], { preferred }: ElectionRequest): number {
    const first = this.current.replicas[0]!;
    return preferred && this.maybePreferred(candidates, first) ? first : candidates[0]!;
  }

  private shouldMove(candidates: readonly number[], { preferred }: ElectionRequest): boolean {
    const { leader, replicas } = this.current;
    if (isStopping(this.image, leader)) return candidates.some((id) => !isStopping(this.image, id));
    return preferred === true && leader !== replicas[0] && this.maybePreferred(candidates, replicas[0]!);
  }

  private maybePreferred(candidates: readonly number[], id: number): boolean {
    return candidates.includes(id) && !isStopping(this.image, id);
  }

  /** Rule 6 (iii): once all members are registered, the one with the most records. Alone, it need not tell how many. */
  private highestSuspect(): BrokerImage | undefined {
    const { isr, elr } = this.current;
    const members = [...isr, ...elr].filter((id) => this.standing(id) !== 'foreign');
    const suspects = members.filter((id) => this.standing(id) === 'suspect');
    if (safetyRules.waitForAllMembers && suspects.length < members.length) return undefined;
    if (suspects.length <= 1) return this.image.brokers.get(suspects[0] ?? -1);
    const told = suspects.filter((id) => this.endOf(id) !== undefined);
    if (told.length < suspects.length && safetyRules.waitForAllMembers) return undefined;
    told.sort((a, b) => this.compareEnds(a, b));
    return this.image.brokers.get(told.at(safetyRules.electHighestLog ? -1 : 0) ?? -1);
  }

  /** What a member told of its log under its present registration, when it already knew that nobody leads: nothing is added to it since. */
  private endOf(id: number): LogEndImage | undefined {
    const end = this.logEnds?.get(id);
    return end?.brokerEpoch === this.image.brokers.get(id)?.epoch && end?.leaderEpoch === this.current.leaderEpoch ? end : undefined;
  }

  private compareEnds(a: number, b: number): number {
    const [first, second] = [this.endOf(a)!, this.endOf(b)!];
    return first.lastEpoch - second.lastEpoch || first.logEndOffset - second.logEndOffset || b - a;
  }

  /** Whether there are members that may never come back; the others will tell in a moment. */
  private misses(): boolean {
    return [...this.current.isr, ...this.current.elr].some((id) => this.standing(id) !== 'suspect');
  }

  /** Of the members rather than others. */
  private uncleanChoice(): BrokerImage | undefined {
    const live = this.current.replicas.filter((id) => this.image.brokers.has(id) && !isOffline(this.image, this.partition, id));
    const members = live.filter((id) => this.standing(id) === 'suspect' && [...this.current.isr, ...this.current.elr].includes(id));
    return this.image.brokers.get(members[0] ?? live.find((id) => !isStopping(this.image, id)) ?? live[0] ?? -1);
  }

  private led(value: PartitionValue, { id, epoch }: BrokerImage): PartitionValue {
    const leaderEpoch = safetyRules.leaderEpochGrows ? value.leaderEpoch + 1 : value.leaderEpoch;
    return { ...value, leader: id, leaderBrokerEpoch: epoch, leaderEpoch };
  }

  /** Without an election both lists can only get shorter. */
  private same({ isr, elr }: PartitionValue): boolean {
    const { before, current } = this;
    return current === before && isr.length === before.isr.length && elr.length === before.elr.length;
  }

  /**
   * The partition when its reassignment is done: all that were to join are in the ISR, and those that stay are as many as min ISR asks, so that
   * nothing committed comes to rest on fewer disks than before. undefined: there is none, or it goes on.
   */
  private reassigned(): PartitionValue | undefined {
    const { replicas, adding, removing, isr, elr } = this.before;
    if (adding.length === 0 && removing.length === 0) return undefined;
    const target = replicas.filter((id) => !removing.includes(id));
    const done: PartitionValue = { ...this.before, replicas: target, adding: [], removing: [] };
    const inSync = isr.filter((id) => target.includes(id) && this.standing(id) === 'intact');
    if (!adding.every((id) => inSync.includes(id)) || inSync.length < effectiveMinIsr(done, this.policy.minIsr)) return undefined;
    return { ...done, isr: isr.filter((id) => target.includes(id)), elr: elr.filter((id) => target.includes(id)) };
  }
}
