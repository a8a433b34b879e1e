import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** @param {string} path the fields of a /proc stat file after the program's name, which may hold blanks; the first is proc(5)'s field 3 */
function statFields(path) {
  const text = readFileSync(path, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** @param {number} pid @returns {number} user + system seconds of a process, all threads */
export function cpuSeconds(pid) {
  const fields = statFields(`/proc/${pid}/stat`);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** @param {number} pid @returns {number} resident MB (10^6 bytes) */
export function rssMb(pid) {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

/** @param {readonly number[]} pids @returns {number} MB (10^6 bytes) of several processes, what they share divided among its users */
export function pssMb(pids) {
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]));
  return (kib.reduce((sum, each) => sum + each, 0) * 1024) / 1e6;
}

/** Seconds of this process and of the children that it has waited for. */
function ownSeconds() {
  const fields = statFields('/proc/self/stat');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
}

/** Busy seconds of the whole machine: user, nice, system, irq, softirq, steal. */
function machineSeconds() {
  const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].split(/\s+/);
  return [0, 1, 2, 5, 6, 7].reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS_PER_SECOND;
}

/**
 * Starts to observe a broker; the returned function tells what was used since.
 * `othersCores`: how many cores were busy with anything but the broker, the load and the bench. A figure taken beside other work says little.
 * @param {readonly number[]} pids of the broker, or of all brokers
 */
export function observe(...pids) {
  const load = loadavg()[0];
  const brokerSeconds = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const [cpu, own, machine, from] = [brokerSeconds(), ownSeconds(), machineSeconds(), performance.now()];
  return () => {
    const seconds = (performance.now() - from) / 1000;
    const brokerCpuSeconds = brokerSeconds() - cpu;
    const others = machineSeconds() - machine - brokerCpuSeconds - (ownSeconds() - own);
    return { load, seconds, brokerCpuSeconds, othersCores: Math.max(0, others / seconds) };
  };
}
