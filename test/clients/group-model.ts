import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Program } from '../support/program.ts';
import { eventsOf, type MemberEvent } from './group-members.ts';

/** A program whose members are in the group, until it has ended. */
export interface MemberProgram {
  /** A static member keeps its name through restarts. */
  readonly name: string;
  readonly program: Program;
  readonly members: number;
  alive: boolean;
}

const DEADLINE_MS = 30_000;
/** Longer than any test. */
const LIFETIME_MS = 24 * 3600_000;
const LEFT_CLEANLY = { code: 0, signal: null };

/**
 * What must hold of a group, by what its members print: of each generation, a partition has one owner; after each change every
 * partition has one; every record is seen.
 */
export class GroupModel {
  private readonly programs: MemberProgram[] = [];
  /** Rejects when a program ends that should be in the group. */
  private readonly unexpectedEnd: Promise<never>;
  private fail: (error: Error) => void = () => {};

  constructor() {
    this.unexpectedEnd = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.unexpectedEnd.catch(() => {}); // whoever waits hears of it
  }

  add(name: string, program: Program, members = 1): MemberProgram {
    const added = { name, program, members, alive: true };
    this.programs.push(added);
    program.ended(LIFETIME_MS).then(({ code, signal }) => {
      if (added.alive) this.fail(new Error(`${name} has ended (code ${code}, signal ${signal}):\n${program.output().slice(-2000)}`));
    }, this.fail);
    return added;
  }

  alive(): MemberProgram[] {
    return this.programs.filter((each) => each.alive);
  }

  /** Lets its members leave the group. */
  async leave(leaving: MemberProgram): Promise<void> {
    leaving.alive = false;
    leaving.program.signal('SIGTERM');
    expect(await leaving.program.ended()).toEqual(LEFT_CLEANLY);
  }

  /** SIGKILL. @returns when, in ms of the wall clock */
  async kill(dying: MemberProgram): Promise<number> {
    dying.alive = false;
    const at = Date.now();
    dying.program.signal('SIGKILL');
    await dying.program.ended();
    return at;
  }

  /** Ends them all, and checks a last time. */
  async end(): Promise<void> {
    await Promise.all(this.alive().map((each) => this.leave(each)));
    this.check();
  }

  /**
   * Waits until each of these partitions has one owner, and each member something, if there is enough of it.
   * @returns when the last member learned of its share, in ms of the wall clock
   */
  settled(partitions: readonly string[]): Promise<number> {
    const wanted = [...partitions].sort();
    return this.eventually(() => {
      this.check();
      const shares = this.shares();
      const members = this.alive().reduce((sum, each) => sum + each.members, 0);
      expect(shares).toHaveLength(members);
      expect(shares.flatMap(({ owned }) => owned).sort()).toEqual(wanted);
      if (partitions.length >= members) expect(Math.min(...shares.map(({ owned }) => owned.length))).toBeGreaterThan(0);
      return Math.max(...shares.map(({ at }) => at));
    });
  }

  /** Waits until every member has said in which generation it has its share: kafkajs learns it with a heartbeat, after the share. */
  generationsTold(): Promise<void> {
    return this.eventually(() => expect(this.shares().filter(({ generation }) => generation === undefined)).toEqual([]));
  }

  private eventually<T>(check: () => T): Promise<T> {
    return Promise.race([eventually(check, DEADLINE_MS), this.unexpectedEnd]);
  }

  /** What each member of the living has heard last of its share. */
  private shares(): { readonly at: number; readonly owned: readonly string[]; readonly generation: number | undefined }[] {
    return this.alive().flatMap(({ program }) => {
      const last = new Map<number, MemberEvent>();
      for (const event of eventsOf(program)) if (event.owned) last.set(event.member, event);
      return [...last.values()].map(({ at, owned, generation }) => ({ at, owned: owned!, generation }));
    });
  }

  /** @throws when two members had one partition in the same generation, or a member has crashed */
  private check(): void {
    const owners = new Map<string, string>();
    for (const { name, program } of this.programs) {
      for (const { event, member, generation, owned, error } of eventsOf(program)) {
        expect(event, `${name}: ${error}`).not.toBe('crashed');
        for (const partition of generation === undefined ? [] : owned!) {
          const place = `${partition} in generation ${generation}`;
          const owner = `${name}.${member}`;
          expect(owners.get(place) ?? owner, `the owner of ${place}`).toBe(owner);
          owners.set(place, owner);
        }
      }
    }
  }

  /** How often each record was seen, by `topic/partition/offset`. */
  seen(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { program } of this.programs) {
      for (const { partition, offsets } of eventsOf(program)) {
        for (const offset of offsets ?? []) {
          const place = `${partition}/${offset}`;
          counts.set(place, (counts.get(place) ?? 0) + 1);
        }
      }
    }
    return counts;
  }

  /** Waits until each of these records was seen. */
  async sees(records: readonly string[]): Promise<void> {
    await this.eventually(() => {
      const seen = this.seen();
      expect(records.filter((each) => !seen.has(each))).toEqual([]);
    });
  }

  /** Those of the records that were seen more than once. */
  repeated(records: readonly string[]): string[] {
    const seen = this.seen();
    return records.filter((each) => seen.get(each)! > 1);
  }

  /** How many shares the living members have heard of: unchanged as long as the group was not shared out anew. */
  sharings(): number {
    return this.alive().reduce((sum, { program }) => sum + eventsOf(program).filter(({ owned }) => owned).length, 0);
  }

  events(of: MemberProgram): MemberEvent[] {
    return eventsOf(of.program);
  }
}
