/**
 * One figure, taken once. `load`: the machine's load average before; `othersCores`: see observe() in usage.js, absent where it was not watched.
 * @typedef {{ figure: import('./figures.js').Figure, side: import('./brokers.js').Side, value: number, load: number, othersCores?: number }} Sample
 * @typedef {{ median: number, min: number, max: number, values: number[], load: number, othersCores: number | null }} Summary
 * @typedef {{ name: string, unit: string, betterIs: 'more' | 'less', goal: number | null, kafka: Summary, minikafka: Summary, ratio: number }} Row
 *   `ratio`: median of minikafka / median of Apache Kafka.
 */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly Sample[]} samples @returns {Summary} */
function summarize(samples) {
  const values = samples.map(({ value }) => value);
  const others = samples.flatMap(({ othersCores }) => (othersCores === undefined ? [] : [othersCores]));
  const load = median(samples.map((sample) => sample.load));
  const othersCores = others.length > 0 ? median(others) : null;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values, load, othersCores };
}

/** @param {readonly Sample[]} samples @returns {Row[]} in the order in which the figures first occur */
export function summarizeAll(samples) {
  return [...new Set(samples.map(({ figure }) => figure))].map((figure) => {
    const of = (/** @type {string} */ side) => summarize(samples.filter((sample) => sample.figure === figure && sample.side === side));
    const [kafka, minikafka] = [of('kafka'), of('minikafka')];
    const { name, unit, betterIs, goal = null } = figure;
    return { name, unit, betterIs, goal, kafka, minikafka, ratio: minikafka.median / kafka.median };
  });
}

/** @param {readonly Row[]} rows @param {(name: string) => number} digitsOf */
export function table(rows, digitsOf) {
  const header = ['', 'unit', 'Apache Kafka', 'minikafka', 'ratio', 'goal', 'load', 'others'];
  const lines = rows.map((row) => [
    row.name,
    row.unit,
    ...sides(row, digitsOf(row.name)),
    row.ratio.toFixed(2),
    goal(row),
    ...machine(row),
  ]);
  const widths = header.map((_, at) => Math.max(...[header, ...lines].map((line) => line[at].length)));
  const text = [header, ...lines].map((line) =>
    line.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  '),
  );
  return `${text.join('\n')}\n
Medians (least to most). ratio: minikafka / Apache Kafka. load: one-minute load average before the figure was taken; others: cores busy with
anything but broker, load and bench meanwhile. Both: Apache Kafka / minikafka.\n`;
}

/** @param {Row} row @param {number} digits */
function sides(row, digits) {
  const cell = (/** @type {Summary} */ { median: middle, min, max, values }) =>
    values.length > 1 ? `${middle.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})` : middle.toFixed(digits);
  return [cell(row.kafka), cell(row.minikafka)];
}

/** @param {Row} row */
function goal({ goal: ratio, betterIs }) {
  return ratio === null ? '' : `${betterIs === 'more' ? '>=' : '<='} ${ratio}`;
}

/** @param {Row} row */
function machine({ kafka, minikafka }) {
  const others = [kafka, minikafka].map(({ othersCores }) => othersCores?.toFixed(1) ?? '-');
  return [`${kafka.load.toFixed(1)} / ${minikafka.load.toFixed(1)}`, others.join(' / ')];
}
