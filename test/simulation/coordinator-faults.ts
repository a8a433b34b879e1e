import type { TransactionStatus } from '../../src/coordinator/transaction/transaction-status.ts';
import { AddPartitionsToTxn } from '../../src/protocol/messages/add-partitions-to-txn.ts';
import { STATE_TOPIC, statesOf } from './coordinator-states.ts';
import type { Fault } from './faults.ts';
import type { Machine, World } from './machine.ts';

/** What befalls coordinators of transactions. Only in seeds with transactions, beside the others. */
export const COORDINATOR_FAULTS = {
  /** A coordinator is killed or paused as soon as one of its transactions has a certain status. */
  loseCoordinator: 12,
  /** What a coordinator sends to other brokers of its own accord, markers above all, arrives when it is dead, or has given up these connections. */
  lateMarkers: 10,
  /** What a coordinator answers other brokers, which ask whether a transaction has a partition, arrives late. */
  lateAnswers: 8,
  /** A coordinator cannot reach the one that comes next, and is killed before that counts as lagging: what is not committed is gone. */
  loseUncommitted: 8,
} as const;

export type CoordinatorFault = keyof typeof COORDINATOR_FAULTS;

/** What can be done to a machine. */
export interface Hand {
  kill(machine: Machine, forMs: number): void;
  pause(machine: Machine, forMs: number): void;
  dropLinks(machine: Machine, others: readonly Machine[], forMs: number): void;
  /** Who is elected if the leader is lost now; -1: nobody. */
  nextLeader(topic: string, partition: number): number;
  later(ms: number, act: () => unknown): void;
  count(name: string): void;
}

/** Waits for a moment of a transaction, and then does something to its coordinator. */
export class CoordinatorFaults {
  private readonly world: World;
  private readonly machines: ReadonlyMap<number, Machine>;
  private readonly versions: readonly (1 | 2)[];
  private readonly hand: Hand;
  private readonly awaited: { readonly status: TransactionStatus; readonly act: (coordinator: Machine, partition: number) => void }[] = [];

  /** @param versions of the protocol that producers speak */
  constructor(world: World, machines: ReadonlyMap<number, Machine>, versions: readonly (1 | 2)[], hand: Hand) {
    this.world = world;
    this.machines = machines;
    this.versions = versions;
    this.hand = hand;
  }

  await(fault: Fault & { readonly name: CoordinatorFault }): void {
    const statuses = MOMENTS[fault.name];
    const status = statuses[fault.other % statuses.length]!;
    const act = (coordinator: Machine, partition: number) => {
      if (!coordinator.isUp) return;
      this.hand.count(`${fault.name} in ${status}`);
      this.world.trace.tell('world', `${fault.name} in ${status}: ${coordinator.host}`);
      this.acts[fault.name](coordinator, fault, partition);
    };
    this.awaited.push({ status, act });
  }

  forget(): void {
    this.awaited.length = 0;
  }

  /** After each event of `machine`'s process. */
  afterEvent(machine: Machine): void {
    if (this.awaited.length === 0) return;
    for (const { partition, transactions } of statesOf(machine)) {
      for (const { status } of transactions.values()) {
        const index = this.awaited.findIndex((each) => each.status === status);
        if (index < 0) continue;
        const [{ act }] = this.awaited.splice(index, 1) as [(typeof this.awaited)[number]];
        this.hand.later(0, () => act(machine, partition));
        return;
      }
    }
  }

  private readonly acts: Readonly<Record<CoordinatorFault, (coordinator: Machine, fault: Fault, partition: number) => void>> = {
    loseCoordinator: (coordinator, { broker, forMs }) => {
      if (broker % 3 === 0) this.hand.pause(coordinator, forMs);
      else this.hand.kill(coordinator, forMs);
    },
    lateMarkers: (coordinator, { broker, other, forMs }) => {
      // Of transactions v1 a log cannot tell two markers of one coordinator and epoch from each other (KIP-890), so there it must be dead.
      const survives = broker % 2 === 0 && !this.versions.includes(1);
      const sessionMs = Number(this.world.configs['broker.session.timeout.ms']);
      const lateMs = 50 + other * 40 + (survives || broker % 4 === 1 ? 0 : sessionMs);
      const { network } = this.world;
      for (const [i, { host }] of this.others(coordinator).entries()) network.delayBegun(coordinator.host, host, lateMs + i * 150);
      this.hand.later(5 + broker * 2, () => {
        if (!survives) this.hand.kill(coordinator, forMs);
        else for (const { host } of this.others(coordinator)) network.giveUpBegun(coordinator.host, host);
      });
    },
    lateAnswers: (coordinator, { other }) => {
      for (const { host } of this.others(coordinator))
        this.world.network.delayAnswers(coordinator.host, host, AddPartitionsToTxn.key, 50 + other * 40);
    },
    loseUncommitted: (coordinator, fault, partition) => {
      // What is lost is then the beginning of the transaction, or its end.
      this.hand.later(fault.broker % 2 === 0 ? 0 : fault.broker * 4, () => this.loseUncommitted(coordinator, fault, partition));
    },
  };

  private loseUncommitted(coordinator: Machine, { other, forMs }: Fault, partition: number): void {
    const next = this.machines.get(this.hand.nextLeader(STATE_TOPIC, partition));
    if (!next || next === coordinator || !coordinator.isUp) return;
    const cutMs = 100 + other * 25;
    this.hand.dropLinks(coordinator, [next], cutMs + forMs);
    // Who waits for an answer asks again.
    for (let at = cutMs / 4; at < cutMs; at += cutMs / 4)
      this.hand.later(at, () => {
        for (const { host } of this.others(coordinator)) this.world.network.giveUpBegun(host, coordinator.host);
      });
    this.hand.later(cutMs, () => this.hand.kill(coordinator, forMs));
  }

  private others(coordinator: Machine): Machine[] {
    return [...this.machines.values()].filter((machine) => machine !== coordinator);
  }
}

/** When each may come; where it matters most, more often. */
const MOMENTS: Readonly<Record<CoordinatorFault, readonly TransactionStatus[]>> = {
  loseCoordinator: [
    'PrepareCommit',
    'PrepareAbort',
    'PrepareCommit',
    'Ongoing',
    'CompleteCommit',
    'PrepareAbort',
    'CompleteAbort',
    'Empty',
  ],
  lateMarkers: ['PrepareCommit', 'PrepareAbort', 'PrepareAbort'],
  lateAnswers: ['Ongoing', 'CompleteCommit', 'Empty'],
  loseUncommitted: ['CompleteCommit', 'CompleteAbort', 'Empty', 'Ongoing'],
};
