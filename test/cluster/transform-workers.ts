import { join } from 'node:path';
import type { Java } from '../clients/java.ts';
import { type Program, startProgram } from '../support/program.ts';

/** What a worker is told: to take records from one topic to another in transactions, as a member of a group. */
export interface WorkerOptions {
  readonly bootstrap: string;
  readonly group: string;
  readonly input: string;
  readonly output: string;
  readonly outputPartitions: number;
  /** The same again after its death: it may make a transactional id of it. */
  readonly name: string;
  /** In one transaction. */
  readonly maxRecords: number;
  /** Of its transactions it aborts one in so many, and does the same again. */
  readonly abortEvery: number;
  readonly sessionTimeoutMs: number;
  readonly transactionTimeoutMs: number;
}

/**
 * A client with a program that does so. Record `P N ..` at an offset of input partition P becomes `P N OFFSET ..` in output partition
 * N % outputPartitions; what it means to abort ends in `aborted`. It prints `committed P FROM TO` for each transaction, somewhere in a line.
 */
export interface Transformer {
  readonly name: string;
  start(options: WorkerOptions): Program;
}

export const KAFKAJS: Transformer = {
  name: 'kafkajs',
  start: (options) => startProgram(process.execPath, [join(import.meta.dirname, 'transform.mjs'), JSON.stringify(options)]),
};

export const javaTransformer = (java: Java): Transformer => ({
  name: 'Java',
  start: ({ bootstrap, group, input, output, outputPartitions, name, maxRecords, abortEvery, sessionTimeoutMs, transactionTimeoutMs }) => {
    const numbers = [outputPartitions, maxRecords, abortEvery, sessionTimeoutMs, transactionTimeoutMs].map(String);
    return java.start('Transform', [bootstrap, group, input, output, name, ...numbers]);
  },
});

/** A worker that is started again after each death, with all that it ever wrote. */
export class Worker {
  readonly name: string;
  private readonly transformer: Transformer;
  private readonly options: Omit<WorkerOptions, 'bootstrap'>;
  private readonly bootstrap: () => string;
  private readonly lives: Program[] = [];

  constructor(transformer: Transformer, options: Omit<WorkerOptions, 'bootstrap'>, bootstrap: () => string) {
    this.name = options.name;
    this.transformer = transformer;
    this.options = options;
    this.bootstrap = bootstrap;
  }

  start(): void {
    this.lives.push(this.transformer.start({ ...this.options, bootstrap: this.bootstrap() }));
  }

  async kill(): Promise<void> {
    this.life?.signal('SIGKILL');
    await this.life?.ended();
  }

  /** What takes it for dead, and what it does not know when it goes on. */
  pause(): void {
    this.life?.signal('SIGSTOP');
  }

  resume(): void {
    this.life?.signal('SIGCONT');
  }

  /** As a service is stopped, which may take it a while. */
  async stop(): Promise<void> {
    this.life?.signal('SIGTERM');
    await this.life?.ended(20_000).catch(() => this.kill());
  }

  /** Starts it again if it ended by itself. @returns whether it had */
  async revive(): Promise<boolean> {
    const ended = await this.life?.ended(0).catch(() => null);
    if (!ended) return false;
    this.start();
    return true;
  }

  get committed(): number {
    return this.lives.reduce((sum, life) => sum + life.lines().filter((line) => line.includes('committed ')).length, 0);
  }

  output(): string {
    return this.lives.map((life, n) => `--- life ${n + 1}, process ${life.pid}\n${life.output()}`).join('');
  }

  private get life(): Program | undefined {
    return this.lives.at(-1);
  }
}
