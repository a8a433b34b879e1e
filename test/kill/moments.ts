import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BrokerProcess } from '../support/broker-process.ts';
import { startProgram } from '../support/program.ts';

const KILLER = fileURLToPath(new URL('../clients/kill-at.mjs', import.meta.url));
const AIM_DEADLINE_MS = 3_000;
const LATEST_MS = 500;

/** What a broker can be killed at besides any time: the first file of a kind, in the folders of partitions or in the data directory. */
const AIMS: readonly { readonly name: string; readonly suffix: string; readonly inData: boolean }[] = [
  { name: 'at .cleaned', suffix: '.log.cleaned', inData: false },
  { name: 'at .swap', suffix: '.log.swap', inData: false },
  { name: 'at .deleted', suffix: '.log.deleted', inData: false },
  { name: 'at the rename of an index', suffix: '.timeindex.deleted', inData: false },
  { name: 'at a roll', suffix: '.log', inData: false },
  { name: 'at .snapshot', suffix: '.snapshot', inData: false },
  { name: 'at a new partition', suffix: '-0', inData: true },
  { name: 'at a deleted partition', suffix: '-delete', inData: true },
  { name: 'at a move', suffix: '-future', inData: true },
  { name: 'at a checkpoint', suffix: '-checkpoint', inData: true },
];

/** Kills a broker that works, and counts the moments at which it did. */
export class Moments {
  /** By their names, how often each came. */
  readonly met = new Map<string, number>();
  private readonly broker: BrokerProcess;
  private readonly random: () => number;

  constructor(broker: BrokerProcess, random: () => number) {
    this.broker = broker;
    this.random = random;
  }

  get kills(): number {
    return [...this.met.values()].reduce((sum, times) => sum + times, 0);
  }

  /** @param folders of partitions that stay. @returns how it died */
  async killAtWork(folders: readonly string[]): Promise<string> {
    const aim = this.random() < 0.5 ? undefined : AIMS[Math.floor(this.random() * AIMS.length)];
    const delayMs = this.random() * LATEST_MS;
    await sleep(delayMs);
    if (!aim) return this.kill('at any time');
    const { directories, pid } = this.broker;
    const partitions = directories.flatMap((data) => folders.map((name) => join(data, name)).filter((path) => existsSync(path)));
    const killer = startProgram(process.execPath, [KILLER, String(pid), aim.suffix, ...(aim.inData ? directories : partitions)]);
    const met = await killer.ended(AIM_DEADLINE_MS).then(
      ({ code }) => code === 0,
      () => false,
    );
    killer.signal('SIGKILL');
    return this.kill(met ? aim.name : 'at any time');
  }

  /** Starts it and kills it again, before or soon after it listens. */
  async killAtStart(): Promise<string> {
    const starting = this.broker.start();
    const isEarly = this.random() < 0.5;
    if (isEarly)
      starting.catch(() => {}); // it ended before it listened
    else await starting;
    await sleep(this.random() * LATEST_MS * (isEarly ? 1 : 0.3));
    return this.kill(isEarly ? 'while it started' : 'while it recovered');
  }

  private async kill(name: string): Promise<string> {
    await this.broker.kill();
    this.met.set(name, (this.met.get(name) ?? 0) + 1);
    return name;
  }
}
