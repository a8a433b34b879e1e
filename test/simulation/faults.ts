import { KafkaError } from '../../src/core/errors.ts';
import type { Checker } from './checker.ts';
import { COORDINATOR_FAULTS, type CoordinatorFault, CoordinatorFaults } from './coordinator-faults.ts';
import type { Machine, World } from './machine.ts';
import type { LinkFault } from './network.ts';
import type { Random } from './random.ts';

/** What may go wrong, and how often, one against the other. */
export const FAULTS = {
  /** kill -9, and back after a while. */
  kill: 6,
  /** kill -9 of a partition's leader. */
  killLeader: 4,
  /** kill -9 of the controller. */
  killController: 3,
  /** All processes at once. */
  killAll: 1,
  /** SIGTERM, and back. */
  stop: 2,
  /** SIGSTOP, for longer than the lease or shorter. */
  pause: 5,
  /** SIGSTOP of a partition's leader. */
  pauseLeader: 4,
  /** Power is lost: what was not synced may be gone. */
  crash: 4,
  crashAll: 2,
  /** Killed, and back with an empty disk. */
  emptyDisk: 2,
  /** Killed, and back with an older copy of its disk. */
  olderCopy: 2,
  /** A disk answers with errors, its broker goes on; both are back later. */
  failDisk: 3,
  /** The disk under a partition's leader. */
  failLeaderDisk: 3,
  /** ... and back without what was not synced, or empty. */
  loseDisk: 2,
  /** Two brokers cannot reach each other: reset. */
  cut: 5,
  /** Two brokers cannot reach each other: silence. */
  drop: 4,
  /** A broker is cut off from all others. */
  isolate: 3,
  /** A broker cannot reach the metadata store. */
  cutStore: 4,
  /** The store does not tell what became of transactions, for a while. */
  doubt: 5,
  /** The store refuses calls, for a while. */
  unavailable: 2,
  /** Everything takes much longer for a while. */
  slowNetwork: 2,
  /** A follower is cut off until it has left the ISR, and about then the leader is killed. */
  shrinkThenKill: 5,
  /** Clients are cut off from a broker. */
  cutClients: 2,
} as const;

/** Only where they are asked for. */
const RARE_FAULTS = {
  /** All but a partition's leader are killed; the leader, alone in the ISR by then, loses power. */
  lastCrash: 3,
  /** Replicas of a broker are sent to its other directory, where it has two; no fault, but others are at their worst then. */
  moveReplicas: 8,
} as const;
export const ALL_FAULTS = { ...FAULTS, ...RARE_FAULTS, ...COORDINATOR_FAULTS };

export type FaultName = keyof typeof ALL_FAULTS;
/** They lose data of a disk: few in a run, or there is nothing left to promise. */
const LOSING: readonly FaultName[] = ['crash', 'crashAll', 'emptyDisk', 'olderCopy', 'lastCrash', 'loseDisk'];

export interface Fault {
  readonly atMs: number;
  readonly name: FaultName;
  /** Chooses the broker; another one is chosen by `other`. Any integers. */
  readonly broker: number;
  readonly other: number;
  readonly forMs: number;
}

export interface FaultPlan {
  readonly fromMs: number;
  readonly toMs: number;
  /** These kinds alone, all of them. */
  readonly kinds?: readonly FaultName[] | undefined;
  readonly transactions: boolean;
}

/** Which faults a seed has: each kind is in with even chance, so that seeds differ in kind. */
export function planFaults(random: Random, { fromMs, toMs, kinds, transactions }: FaultPlan): Fault[] {
  const weights: Partial<Record<FaultName, number>> = {};
  const names = Object.keys(kinds ? ALL_FAULTS : transactions ? { ...FAULTS, ...COORDINATOR_FAULTS } : FAULTS) as FaultName[];
  const some = transactions && !kinds && random.chance(0.5) ? coordinatorFaults(random) : kinds;
  for (const name of names)
    if (some ? some.includes(name) : random.chance(0.5)) weights[name] = ALL_FAULTS[name] * random.between(0.3, 1.7);
  if (!some) weights.kill ??= 1;
  let losses = random.below(4);
  const meanMs = random.pick([300, 600, 1_200, 2_500]);
  const longest = random.pick([1_500, 4_000, 15_000]);
  const faults: Fault[] = [];
  for (let at = fromMs; at < toMs; at += random.between(0.1, 1.9) * meanMs) {
    const name = random.weighted(weights as Record<FaultName, number>);
    const fault = { atMs: at, name, broker: random.below(60), other: random.below(60), forMs: random.between(20, longest) };
    if (LOSING.includes(name) && losses-- <= 0) continue;
    faults.push(fault);
  }
  return faults;
}

/** One kind or two, and nothing else in the seed: behind one of these a transaction has to go on for a while for anything to show. */
function coordinatorFaults(random: Random): FaultName[] {
  const all = Object.keys(COORDINATOR_FAULTS) as CoordinatorFault[];
  return [random.pick(all), random.pick(all)];
}

/** Brokers are killed, or lose their disks, one at a time, and nothing else: whoever writes with acks=all must not be kept waiting. */
export function planKills(random: Random, { fromMs, toMs }: FaultPlan): Fault[] {
  const faults: Fault[] = [];
  for (let at = fromMs; at < toMs; at += random.between(7_000, 9_000)) {
    const name = random.pick(['kill', 'killLeader', 'killController', 'failDisk', 'failLeaderDisk'] as const);
    faults.push({ atMs: at, name, broker: random.below(60), other: random.below(60), forMs: random.between(500, 2_500) });
  }
  return faults;
}

/** Does to the cluster what a plan says, and heals it. */
export class FaultInjector {
  readonly counts = new Map<string, number>();
  private readonly world: World;
  private readonly machines: ReadonlyMap<number, Machine>;
  private readonly clients: readonly string[];
  private readonly checker: Checker;
  private over = false;
  private readonly coordinators: CoordinatorFaults;
  /** In which of its registrations a machine's disk was copied. */
  private readonly copiedAt = new Map<Machine, number>();

  /** @param versions of transactions that clients speak */
  constructor(
    world: World,
    machines: ReadonlyMap<number, Machine>,
    clients: readonly string[],
    checker: Checker,
    versions: readonly (1 | 2)[],
  ) {
    this.world = world;
    this.machines = machines;
    this.clients = clients;
    this.checker = checker;
    this.coordinators = new CoordinatorFaults(world, machines, versions, {
      kill: (machine, forMs) => this.down(machine, forMs, () => machine.kill()),
      pause: (machine, forMs) => this.pause(machine, forMs),
      dropLinks: (machine, others, forMs) => this.breakLinks(machine, others, 'drop', forMs),
      nextLeader: (topic, partition) => {
        const { leader = -1, replicas = [], isr = [] } = checker.ledger(topic, partition)?.value ?? {};
        return replicas.find((id) => id !== leader && isr.includes(id)) ?? -1;
      },
      later: (ms, act) => this.later(ms, act),
      count: (name) => this.count(name),
    });
  }

  schedule(faults: readonly Fault[]): void {
    const { scheduler } = this.world;
    for (const fault of faults) scheduler.after(scheduler.world, fault.atMs - scheduler.now, 'fault', () => this.inject(fault));
  }

  /** After each event of `machine`'s process. */
  afterEvent(machine: Machine): void {
    this.coordinators.afterEvent(machine);
  }

  /** Everything works again from here on: who is down comes back. */
  heal(): void {
    this.over = true;
    this.coordinators.forget();
    const { network, trace } = this.world;
    trace.tell('world', 'FAULTS END');
    network.delayMs = NORMAL_DELAY_MS;
    const hosts = [...this.machines.values()].map(({ host }) => host);
    for (const a of hosts) for (const b of [...hosts, ...this.clients]) network.heal(a, b);
    for (const machine of this.machines.values()) {
      Object.assign(machine.weather, { cut: false, inDoubt: 0, unavailable: 0 });
      machine.resume();
      if (machine.disk.failed !== 'none') this.repair(machine);
      // One that is about to stop starts again when it has stopped.
      if (machine.isUp) machine.start();
      else this.begin(machine);
    }
  }

  private inject(fault: Fault): void {
    const machine = this.target(fault);
    const { name, forMs } = fault;
    const peers = [...this.machines.values()].filter((one) => one !== machine);
    this.count(name);
    this.world.trace.tell('world', `FAULT ${name} ${machine.host} for ${forMs.toFixed(0)} ms`);
    this.acts[name](machine, fault, peers);
  }

  private readonly acts: Readonly<Record<FaultName, (machine: Machine, fault: Fault, peers: readonly Machine[]) => void>> = {
    kill: (machine, { forMs }) => this.down(machine, forMs, () => machine.kill()),
    killLeader: (machine, { forMs }) => this.down(machine, forMs, () => machine.kill()),
    killController: (machine, { forMs }) => this.down(machine, forMs, () => machine.kill()),
    killAll: (machine, { forMs }) => {
      for (const one of this.machines.values()) this.down(one, forMs * (one === machine ? 1 : 0.5), () => one.kill());
    },
    stop: (machine, { forMs }) => {
      machine.stop();
      this.later(forMs + 1_000, () => this.begin(machine));
    },
    pause: (machine, { forMs }) => this.pause(machine, forMs),
    pauseLeader: (machine, { forMs }) => this.pause(machine, forMs),
    crash: (machine, { forMs }) => this.down(machine, forMs, () => this.checker.exchangeDisk(machine, () => machine.crash())),
    crashAll: (_machine, { forMs, other }) => {
      for (const one of this.machines.values()) {
        this.down(one, forMs * (0.2 + ((one.id + other) % 5) / 5), () => this.checker.exchangeDisk(one, () => one.crash()));
      }
    },
    emptyDisk: (machine, { forMs }) => this.down(machine, forMs, () => this.exchange(machine, () => machine.disk.replaceWithEmpty())),
    olderCopy: (machine, { forMs }) => this.restoreOlderCopy(machine, forMs),
    failDisk: (machine, fault) => this.failDisk(machine, fault, () => {}),
    failLeaderDisk: (machine, fault) => this.failDisk(machine, fault, () => {}),
    loseDisk: (machine, fault) => this.failDisk(machine, fault, () => this.loseDisk(machine, fault.other % 3 === 0)),
    cut: (machine, { forMs, other }, peers) => this.breakLinks(machine, peers.slice(other % peers.length).slice(0, 1), 'cut', forMs),
    drop: (machine, { forMs, other }, peers) => this.breakLinks(machine, peers.slice(other % peers.length).slice(0, 1), 'drop', forMs),
    isolate: (machine, { forMs, other }, peers) => this.breakLinks(machine, peers, other % 2 ? 'cut' : 'drop', forMs),
    cutClients: (machine, { forMs, other }) =>
      this.breakLinks(
        machine,
        this.clients.map((host) => ({ host })),
        other % 2 ? 'cut' : 'drop',
        forMs,
      ),
    cutStore: (machine, { forMs }) => this.changeWeather(machine, { cut: true }, { cut: false }, forMs),
    doubt: (machine, { forMs, other }) => this.changeWeather(machine, { inDoubt: 0.1 + (other % 8) / 10 }, { inDoubt: 0 }, forMs),
    unavailable: (machine, { forMs, other }) =>
      this.changeWeather(machine, { unavailable: 0.1 + (other % 9) / 10 }, { unavailable: 0 }, forMs),
    shrinkThenKill: (leader, { forMs, broker, other }, peers) => {
      const lagMs = Number(this.world.configs['replica.lag.time.max.ms']);
      const follower = peers[broker % peers.length]!;
      const others = [leader, ...peers].filter((one) => one !== follower);
      this.breakLinks(follower, others, other % 2 ? 'cut' : 'drop', lagMs * 2 + forMs);
      this.later(lagMs * (0.9 + (broker % 8) / 10), () => this.down(leader, forMs, () => leader.kill()));
    },
    lastCrash: (leader, { forMs, other }, peers) => {
      for (const peer of peers) this.down(peer, 3_000 + forMs, () => peer.kill());
      this.later(50 * (1 + other), () => this.down(leader, forMs, () => this.checker.exchangeDisk(leader, () => leader.crash())));
    },
    loseCoordinator: (_machine, fault) => this.coordinators.await({ ...fault, name: 'loseCoordinator' }),
    lateMarkers: (_machine, fault) => this.coordinators.await({ ...fault, name: 'lateMarkers' }),
    lateAnswers: (_machine, fault) => this.coordinators.await({ ...fault, name: 'lateAnswers' }),
    loseUncommitted: (_machine, fault) => this.coordinators.await({ ...fault, name: 'loseUncommitted' }),
    moveReplicas: (machine, { other }) => this.moveReplicas(machine, other),
    slowNetwork: (_machine, { forMs, other }) => {
      const { network } = this.world;
      network.delayMs = [1, 10 + other * 4];
      this.later(forMs, () => {
        network.delayMs = NORMAL_DELAY_MS;
      });
    },
  };

  private target({ name, broker, other }: Fault): Machine {
    const all = [...this.machines.values()];
    const ledgers = [...this.checker.ledgers.values()];
    const leader = ledgers[other % Math.max(1, ledgers.length)]?.value.leader ?? -1;
    if (name === 'killLeader' || name === 'pauseLeader' || name === 'failLeaderDisk' || name === 'shrinkThenKill' || name === 'lastCrash')
      return this.machines.get(leader) ?? all[broker % all.length]!;
    if (name === 'killController') return this.machines.get(this.checker.controller) ?? all[broker % all.length]!;
    return all[broker % all.length]!;
  }

  private moveReplicas({ services, directories, id }: Machine, other: number): void {
    if (!services) return;
    for (const { name, partitions } of services.metadata.current.topics()) {
      for (const { partition, replicas } of partitions) {
        if (!replicas.includes(id) || (partition + other) % 3 === 0) continue;
        try {
          services.replicas.moveReplica(name, partition, directories[(partition + other) % directories.length]!);
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error; // one of the disks has failed
        }
      }
    }
  }

  /** The second directory alone, where there is one, with even chance. */
  private failDisk(machine: Machine, { forMs, broker }: Fault, lose: () => void): void {
    if (machine.disk.failed !== 'none') return;
    machine.disk.failed = machine.directories.length > 1 && broker % 4 < 2 ? 'second' : 'all';
    this.later(forMs, () => {
      if (machine.disk.failed === 'none') return;
      machine.kill();
      lose();
      this.repair(machine);
      this.begin(machine);
    });
  }

  /** Not promised: that a loss is noticed of which the broker could not tell anybody. */
  private loseDisk(machine: Machine, isEmpty: boolean): void {
    if (isEmpty && machine.disk.failed === 'second') this.checker.exchangeDisk(machine, () => machine.disk.replaceSecond());
    else if (isEmpty) this.exchange(machine, () => machine.disk.replaceWithEmpty());
    else if (this.checker.toldOfFailure(machine)) this.checker.exchangeDisk(machine, () => machine.disk.crash());
  }

  /** What is on it can be read again, by a new process. */
  private repair(machine: Machine): void {
    machine.kill();
    machine.disk.failed = 'none';
  }

  /** Not promised: a copy that is put back within the registration in which it was taken (metadata-store section 6). */
  private restoreOlderCopy(machine: Machine, forMs: number): void {
    this.copiedAt.set(machine, machine.registrations); // a disk has one copy, the last
    machine.disk.takeCopy();
    this.later(forMs + 4_000, () => {
      if (this.over || machine.registrations === this.copiedAt.get(machine) || !machine.disk.hasCopy) return;
      this.down(machine, 100, () => this.exchange(machine, () => machine.disk.replaceWithCopy()));
    });
  }

  private exchange(machine: Machine, act: () => void): void {
    machine.kill();
    machine.diskId = null;
    this.checker.exchangeDisk(machine, act);
  }

  private down(machine: Machine, forMs: number, end: () => void): void {
    end();
    this.later(forMs, () => this.begin(machine));
  }

  private begin(machine: Machine): void {
    if (machine.isUp) return;
    this.checker.processBegan(machine);
    machine.start();
  }

  private pause(machine: Machine, forMs: number): void {
    machine.pause();
    this.later(forMs, () => machine.resume());
  }

  private breakLinks({ host }: Machine, others: readonly { readonly host: string }[], fault: LinkFault, forMs: number): void {
    const { network, trace } = this.world;
    trace.tell('world', `${fault} ${host} from ${others.map((other) => other.host).join(' ')}`);
    for (const other of others) network.break(host, other.host, fault);
    this.later(forMs, () => {
      for (const other of others) network.heal(host, other.host);
    });
  }

  private changeWeather(machine: Machine, bad: Partial<Machine['weather']>, good: Partial<Machine['weather']>, forMs: number): void {
    Object.assign(machine.weather, bad);
    this.later(forMs, () => Object.assign(machine.weather, good));
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  private later(ms: number, act: () => unknown): void {
    const { scheduler } = this.world;
    scheduler.after(scheduler.world, ms, 'fault ends', () => {
      if (!this.over) act();
    });
  }
}

const NORMAL_DELAY_MS = [0.05, 0.6] as const;
