import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/stale.js';
import { freePort, leftovers, spawnOwned } from '../brokers.js';
import { cpuSeconds, rssMb } from '../usage.js';
import { connect, firstAnswer } from './client.js';

const STALLS = fileURLToPath(new URL('stalls.js', import.meta.url));
const START_WITHIN_MS = 120_000;

/**
 * A broker process on a data directory that outlives it, until the bench ends.
 * @typedef {{ ms: number, cpuMs: number }} Stall the longest time that the loop did not turn, and the CPU time of all threads in it
 */
export class LimitsBroker {
  /** @param {Record<string, string | number>} [configs] @param {readonly string[]} [nodeOptions] */
  constructor(configs = {}, nodeOptions = []) {
    this.directory = mkdtempSync(join(tmpdir(), 'minikafka-limits-'));
    this.data = join(this.directory, 'data');
    this.configs = configs;
    this.nodeOptions = nodeOptions;
    this.port = 0;
    this.told = 0;
    /** @type {import('node:child_process').ChildProcess | null} */
    this.child = null;
    this.remove = () => rmSync(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    leftovers.add(this.remove);
  }

  get pid() {
    return this.child?.pid ?? 0;
  }
  get cpuSeconds() {
    return cpuSeconds(this.pid);
  }
  get rssMb() {
    return rssMb(this.pid);
  }
  get log() {
    return readFileSync(join(this.directory, 'broker.log'), 'utf8');
  }

  /** @returns {Promise<{ ms: number, cpuMs: number }>} from the start of the process to its first answer that names a broker */
  async start() {
    this.port = await freePort();
    const overrides = Object.entries(this.configs).flatMap(([key, value]) => ['--override', `${key}=${value}`]);
    const args = [join(root, 'bin', 'minikafka.js'), 'start', '--port', String(this.port), '--data', this.data, ...overrides];
    const log = openSync(join(this.directory, 'broker.log'), 'a');
    const { NODE_EXTRA_CA_CERTS, ...rest } = process.env;
    const env = { ...rest, MINIKAFKA_STALLS: join(this.directory, 'stalls.json') };
    const from = performance.now();
    const child = spawnOwned(process.execPath, ['--import', STALLS, ...this.nodeOptions, ...args], { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.child = child;
    this.told = 0;
    while (!(await firstAnswer(this.port))) {
      if (child.exitCode !== null || performance.now() - from > START_WITHIN_MS) throw new Error(`the broker does not start:\n${this.log}`);
      await sleep(2);
    }
    return { ms: performance.now() - from, cpuMs: this.cpuSeconds * 1000 };
  }

  /** @param {NodeJS.Signals} [signal] @returns {Promise<number>} ms until the process has ended */
  async stop(signal = 'SIGTERM') {
    const { child } = this;
    if (!child) return 0;
    const from = performance.now();
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await ended;
    this.child = null;
    return performance.now() - from;
  }

  /** The end of broker and data. */
  async end() {
    await this.stop('SIGKILL');
    this.remove();
    leftovers.delete(this.remove);
  }

  /** The worst stall since the last call, or the start. @returns {Promise<Stall>} */
  async stall() {
    this.child?.kill('SIGUSR2');
    for (;;) {
      const { told, ...stall } = this.readStall();
      if (told === this.told + 1) {
        this.told = told;
        return stall;
      }
      await sleep(5);
    }
  }

  readStall() {
    try {
      return JSON.parse(readFileSync(join(this.directory, 'stalls.json'), 'utf8'));
    } catch {
      return { told: 0, ms: 0, cpuMs: 0 };
    }
  }

  connect() {
    return connect(this.port);
  }
}
