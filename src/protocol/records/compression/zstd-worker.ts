import { Worker } from 'node:worker_threads';
import { type ZstdSource, zstdInMemory } from './zstd-memory.ts';

/** What is asked of the thread, and what it answers: the output, zstd's error code, or what it threw. */
interface Task {
  readonly compress: boolean;
  readonly bytes: Uint8Array;
  /** The level, or the bound of the output. */
  readonly parameter: number;
}
interface Answer {
  readonly output?: Uint8Array | number;
  readonly failure?: string;
}
interface Waiting {
  readonly resolve: (output: Uint8Array | number) => void;
  readonly reject: (error: Error) => void;
}

const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const zstd = (${zstdInMemory})(require, workerData);
parentPort.on('message', ({ compress, bytes, parameter }) => {
  let answer;
  try {
    answer = { output: compress ? zstd.compress(bytes, parameter) : zstd.decompress(bytes, parameter) };
  } catch (error) {
    answer = { failure: String(error) };
  }
  parentPort.postMessage(answer, typeof answer.output === 'object' ? [answer.output.buffer] : []);
});
`;

/**
 * A thread of its own for Zstandard in WebAssembly, which the thread pool cannot run. It is begun at the first use, answers one task after
 * the other, and keeps no process alive unless it has work. Its program is text, so that no bundler has to know of a second entry.
 */
export class ZstdWorker {
  private readonly source: ZstdSource;
  private worker: Worker | undefined;
  /** In the order in which they were asked, which is that of the answers. Whoever asks bounds how many there are. */
  private waiting: Waiting[] = [];

  constructor(source: ZstdSource) {
    this.source = source;
  }

  /** Gives the output, or zstd's error code. */
  run({ bytes, ...how }: Task): Promise<Uint8Array | number> {
    const task: Task = { ...how, bytes: new Uint8Array(bytes) }; // a view would take all the memory behind it along
    return new Promise((resolve, reject) => {
      const worker = (this.worker ??= this.begin());
      if (this.waiting.length === 0) worker.ref();
      this.waiting.push({ resolve, reject });
      worker.postMessage(task, [task.bytes.buffer as ArrayBuffer]);
    });
  }

  private begin(): Worker {
    const worker = new Worker(PROGRAM, { eval: true, workerData: this.source });
    const lost = (why: string) => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`The zstd thread ended: ${why}`));
    };
    worker.on('message', (answer: Answer) => this.answered(worker, answer));
    worker.on('error', (error) => lost(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    worker.unref();
    return worker;
  }

  private answered(worker: Worker, { output, failure }: Answer): void {
    const { resolve, reject } = this.waiting.shift()!;
    if (this.waiting.length === 0) worker.unref();
    if (output === undefined) reject(new Error(failure));
    else resolve(output);
  }
}
