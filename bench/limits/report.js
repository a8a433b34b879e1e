/** @typedef {{ name: string, value: string, goal?: string }} Row */

/** @param {string} title @param {readonly Row[]} rows */
export function printTable(title, rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(({ name, value, goal }) => `  ${name.padEnd(width)}  ${value}${goal ? `   (goal ${goal})` : ''}`);
  process.stdout.write(`${title}\n${lines.join('\n')}\n\n`);
}
