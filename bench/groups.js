// What very many consumers cost that only keep their sessions: groups x members, each with a connection of its own, a heartbeat every 3 s.
//   node bench/groups.js [--groups 1000] [--members 10] [--seconds 30]
// Prints the broker's share of a core and its memory. Needs two open files per connection (ulimit -n).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { root } from '../scripts/stale.js';
import { spawnOwned } from './brokers.js';
import { internals } from './internals.js';
import { cpuSeconds, rssMb } from './usage.js';

const { Connection, CreateTopics, FindCoordinator, Heartbeat, JoinGroup, realClock, SyncGroup, tcpTransport } = await internals([
  'client/connection',
  'core/clock',
  'core/tcp-transport',
  'protocol/messages/index',
]);

const { values } = parseArgs({
  options: {
    groups: { type: 'string', default: '1000' },
    members: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '30' },
  },
});
const [groups, members, seconds] = [values.groups, values.members, values.seconds].map(Number);
const HEARTBEAT_MS = 3_000;
const SESSION_MS = 45_000;
/** The members of a group come within this time, into one generation. */
const GATHER_MS = 1_000;
/** Groups that join at once. */
const JOINING = 50;
const SUBSCRIPTION = Buffer.from('0000000000010001' + '74' + 'ffffffff', 'hex');

const data = mkdtempSync(join(tmpdir(), 'minikafka-groups-'));
process.once('exit', () => rmSync(data, { recursive: true, force: true }));

/** @returns {Promise<{ pid: number, port: number }>} */
function startBroker() {
  const args = ['start', '--port', '0', '--data', data, '--override', `group.initial.rebalance.delay.ms=${GATHER_MS}`];
  const child = spawnOwned(process.execPath, [join(root, 'bin', 'minikafka.js'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      const port = /listens on [^\s,]*:(\d+)/.exec(output)?.[1];
      if (port) resolve({ pid: child.pid, port: Number(port) });
    });
    child.once('close', () => reject(new Error(`the broker ended: ${output}`)));
  });
}

const { pid, port } = await startBroker();
const connect = () =>
  Connection.open(tcpTransport, realClock, { host: 'localhost', port }, { clientId: 'bench', connectTimeoutMs: 60_000 });

/** Brings the members of a group into one generation. */
async function form(groupId) {
  const connections = await Promise.all(Array.from({ length: members }, connect));
  const request = { groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer' };
  const protocols = [{ name: 'range', metadata: SUBSCRIPTION }];
  const ids = await Promise.all(connections.map(async (each) => (await each.request(JoinGroup, 5, { ...request, protocols })).memberId));
  const join = (i) => connections[i].request(JoinGroup, 5, { ...request, memberId: ids[i], protocols });
  const joined = await Promise.all(ids.map((_, i) => join(i)));
  const { generationId, leader } = joined[0];
  const assignments = ids.map((memberId) => ({ memberId, assignment: SUBSCRIPTION }));
  const synced = await Promise.all(
    ids.map((memberId, i) =>
      connections[i].request(SyncGroup, 3, { groupId, generationId, memberId, assignments: memberId === leader ? assignments : [] }),
    ),
  );
  const failed = synced.find(({ errorCode }) => errorCode !== 0);
  if (failed) throw new Error(`${groupId} does not sync: error ${failed.errorCode}`);
  return ids.map((memberId, i) => ({ connection: connections[i], heartbeat: { groupId, generationId, memberId } }));
}

const admin = await connect();
await admin.request(CreateTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] });
await admin.request(FindCoordinator, 4, { coordinatorKeys: ['g'], keyType: 0 });
await admin.close();
const idle = rssMb(pid);

const all = [];
let errors = 0;
let beats = 0;
const timers = [];
for (let first = 0; first < groups; first += JOINING) {
  const formed = await Promise.all(Array.from({ length: Math.min(JOINING, groups - first) }, (_, i) => form(`group-${first + i}`)));
  for (const member of formed.flat()) {
    all.push(member);
    const beat = async () => {
      const { errorCode } = await member.connection.request(Heartbeat, 3, member.heartbeat);
      beats++;
      if (errorCode !== 0) errors++;
    };
    // Spread over the interval, as members are that joined at different times.
    timers.push(setTimeout(() => timers.push(setInterval(beat, HEARTBEAT_MS)), Math.random() * HEARTBEAT_MS));
  }
}
await sleep(2 * HEARTBEAT_MS);
const [before, beatsBefore] = [cpuSeconds(pid), beats];
await sleep(seconds * 1000);
const cores = (cpuSeconds(pid) - before) / seconds;
const report = {
  groups,
  members: all.length,
  heartbeatsPerSecond: Math.round((beats - beatsBefore) / seconds),
  errors,
  cores: Number(cores.toFixed(3)),
  rssMb: Math.round(rssMb(pid)),
  rssIdleMb: Math.round(idle),
};
console.log(JSON.stringify(report));
process.exit(errors === 0 ? 0 : 1);
