// Writes docs/compatibility.md of what the tests found out: .results/clients/*.json and .results/clients-on-three/*.json (npm run test:clients,
// test/clients/matrix.test.ts and cluster-matrix.test.ts) and .results/conformance.json (npm run test:kafka).
//   node scripts/compatibility.js           writes it
//   node scripts/compatibility.js --check   fails when it says something else than the results
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './stale.js';

const page = join(root, 'docs', 'compatibility.md');
const results = join(root, '.results');
const sections = JSON.parse(readFileSync(join(root, 'test', 'clients', 'matrix', 'features.json'), 'utf8'));

/** Those that the table of the tests has, in its order; each file says where its client stands. */
function readClients(where) {
  const folder = join(results, where);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))).sort((a, b) => a.position - b.position);
}

function readConformance() {
  const file = join(results, 'conformance.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows, align = '---') => [row(head), row(head.map((_, n) => (n === 0 ? '---' : align))), ...rows.map(row)].join('\n');
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const resultOf = (client, id) => client.features.find(({ feature }) => feature === id);

/** Remarks by number, in the order in which the tables need them. */
class Remarks {
  texts = [];

  mark(text) {
    if (!text) return '';
    if (!this.texts.includes(text)) this.texts.push(text);
    return ` <sup>${this.texts.indexOf(text) + 1}</sup>`;
  }

  lines() {
    return this.texts.map((text, n) => `${n + 1}. ${cell(text)}`).join('\n');
  }
}

function shown(result, remarks) {
  if (!result) return '?';
  if (result.ok === false) return '**no**';
  return result.ok ? `✓${remarks.mark(result.note)}` : `–${remarks.mark(result.detail)}`;
}

function clientsText(clients, onThree) {
  const count = (client, ok) => client.features.filter((each) => each.ok === ok).length;
  const overview = clients.map((client) => [
    cell(client.client),
    client.note ? `${client.version} (${cell(client.note)})` : client.version,
    client.language,
    count(client, true),
    count(client, false),
    count(client, null),
  ]);
  const remarks = new Remarks();
  const sectionText = (heading, features, found) => {
    const head = ['', ...found.map(({ client, version }) => `${cell(client)}<br>${version}`)];
    const rows = features.map(({ id, title }) => [title, ...found.map((client) => shown(resultOf(client, id), remarks))]);
    return `### ${heading}\n\n${table(head, rows, ':-:')}`;
  };
  const tables = sections.flatMap(({ section, features, onThreeBrokers }) => [
    sectionText(section, features, clients),
    ...(onThreeBrokers ? [sectionText(`${section} on three brokers`, features, onThree)] : []),
  ]);
  return [
    '## Clients',
    "Each client runs one program (`test/clients/*/`) against a broker with minikafka's defaults, and a part of it against three. A feature counts when what it did was read back and compared, " +
      'byte for byte where there are bytes. ✓ it works, **no** it fails, – the client does not have it.',
    table(['client', 'version', 'language', 'works', 'fails', 'not in the client'], overview),
    ...tables,
    remarks.lines(),
  ].join('\n\n');
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const thousands = (number) => `${number}`.replace(/\B(?=(\d{3})+$)/g, ',');

function conformanceText({ against, apis }) {
  const overview = against.map(({ version, apis, versions, steps, known, wording, unexplained }) => [
    `Apache Kafka ${version}`,
    apis,
    versions,
    thousands(steps),
    thousands(sum(Object.values(known))),
    thousands(wording),
    thousands(unexplained),
  ]);
  const reasons = new Map();
  for (const { known } of against)
    for (const [reason, count] of Object.entries(known)) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  const byCount = [...reasons].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const apiRows = apis.map(({ api, kafka, versions, steps, known, unexplained }) => [
    api,
    versions,
    kafka,
    thousands(steps),
    thousands(known),
    thousands(unexplained),
  ]);
  return [
    '## The protocol, step by step',
    'The scenarios of `minikafka conformance` play every API at every version on minikafka and on Apache Kafka: on 4.4.0, and on 3.9.1 what 4.x dropped. ' +
      'All that is answered is compared field by field.',
    table(['against', 'APIs', 'versions of APIs', 'steps', 'differences with a reason', 'in words only', 'unexplained'], overview, '--:'),
    ...(apiRows.length > 0
      ? ['### By API', table(['API', 'versions', 'against', 'steps', 'with a reason', 'unexplained'], apiRows, '--:')]
      : []),
    ...(byCount.length > 0
      ? [
          '### Why it differs',
          table(
            ['reason', 'fields'],
            byCount.map(([reason, count]) => [cell(reason), thousands(count)]),
            '--:',
          ),
        ]
      : []),
  ].join('\n\n');
}

const clients = readClients('clients');
const onThree = readClients('clients-on-three');
const conformance = readConformance();
const text = `${[
  '# Compatibility',
  'Written by `scripts/compatibility.js` from the results of the tests; not by hand.',
  clients.length > 0 && clientsText(clients, onThree),
  conformance && conformanceText(conformance),
]
  .filter(Boolean)
  .join('\n\n')}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(page, text);
} else {
  const absent = [
    ...(clients.length > 0 ? [] : ['.results/clients (npm run test:clients)']),
    ...(onThree.length > 0 ? [] : ['.results/clients-on-three (npm run test:clients)']),
    ...(conformance ? [] : ['.results/conformance.json (npm run test:kafka)']),
  ];
  for (const each of absent) process.stderr.write(`There are no results in ${each}\n`);
  const committed = existsSync(page) ? readFileSync(page, 'utf8') : '';
  const [before, now] = [committed.split('\n'), text.split('\n')];
  const differing = now.map((line, n) => [before[n], line, n]).filter(([was, is]) => was !== is);
  if (committed !== text) {
    process.stderr.write('docs/compatibility.md says something else than the results; node scripts/compatibility.js writes it anew.\n');
    for (const [was, is, n] of differing.slice(0, 10)) process.stderr.write(`line ${n + 1}\n  - ${was ?? '(none)'}\n  + ${is}\n`);
  }
  if (absent.length > 0 || committed !== text) process.exit(1);
}
