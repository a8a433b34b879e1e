const NAME_WIDTH = 40;

/** @typedef {(name: string, value: string, goal?: string) => void} Row prints a figure */

/** @param {string} title @returns {Row} */
export function beginTable(title) {
  process.stdout.write(`\n${title}\n`);
  return (name, value, goal) => void process.stdout.write(`  ${name.padEnd(NAME_WIDTH)} ${value}${goal ? `   (goal ${goal})` : ''}\n`);
}

/** @param {{ ms: number, cpuMs: number }} stall */
export const stallText = ({ ms, cpuMs }) => `${ms.toFixed(0)} ms (CPU ${cpuMs.toFixed(0)} ms)`;
