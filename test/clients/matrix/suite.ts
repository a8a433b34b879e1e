import { beforeAll, describe, expect, test } from 'vitest';
import { foreignBroker, unique } from '../../support/broker-under-test.ts';
import { registerCodecs } from '../kafkajs/records.ts';
import { matrixClients } from './clients.ts';
import type { Feature } from './features.ts';
import { MatrixKafkaJs } from './kafkajs.ts';
import { type ClientResult, type MatrixClient, runMatrixProgram } from './program.ts';
import { readBack } from './read-back.ts';
import { MatrixResults } from './results.ts';

/** They wait more than they compute. */
const PROGRAMS_AT_ONCE = 3;

export interface MatrixOptions {
  /** Known once the tests run: host:port, with commas. */
  readonly brokers: { readonly bootstrap: string };
  readonly features: readonly Feature[];
  /** Of all topics. */
  readonly replicationFactor: number;
  /** Folder in `.results`. What a foreign broker does is not written there. */
  readonly results: string;
  /** Stands behind the name of the client. */
  readonly where: string;
}

/** The tests of all clients: each runs its program once, and what came of each feature is a test of its own. */
export function matrixSuite({ brokers, features, replicationFactor, results: folder, where }: MatrixOptions): void {
  const shared = unique('shared');
  const clients = matrixClients();
  const written = new MatrixResults(folder, clients);
  const available = clients.filter(({ command }) => command !== null).map((client) => ({ client, prefix: unique('matrix') }));
  const results = new Map<MatrixClient, Promise<ClientResult>>();
  const headingOf = ({ name, version }: MatrixClient) => `${name} ${version}${where}`;

  registerCodecs();

  async function run(kafkaJs: MatrixKafkaJs, client: MatrixClient, prefix: string): Promise<ClientResult> {
    const ran = await runMatrixProgram(client, { bootstrap: brokers.bootstrap, prefix, shared, features });
    const result = { ...ran, features: new Map([...ran.features, ...(await readBack(kafkaJs, prefix, features, ran.features))]) };
    if (!foreignBroker) written.write(client, features, result);
    return result;
  }

  // biome-ignore lint/correctness/noEmptyPattern: vitest wants a pattern there
  beforeAll(async ({}, suite) => {
    const wanted = suite.tasks.filter(({ mode }) => mode === 'run').map(({ name }) => name);
    const programs = available.filter(({ client }) => wanted.includes(headingOf(client)));
    if (programs.length === 0) return;
    if (!foreignBroker) written.prepare(programs.map(({ client }) => client));
    const kafkaJs = new MatrixKafkaJs(brokers.bootstrap);
    await kafkaJs.createTopics(
      features,
      programs.map(({ prefix }) => prefix),
      shared,
      replicationFactor,
    );
    await kafkaJs.writeShared(shared);
    await kafkaJs.writeTransactions(`${shared}-transactions`);
    // A few at once, in the order of the tests, which take each result when it is there.
    const lines = Array.from({ length: PROGRAMS_AT_ONCE }, () => Promise.resolve());
    programs.forEach(({ client, prefix }, n) => {
      const line = n % PROGRAMS_AT_ONCE;
      const result = lines[line]!.then(() => run(kafkaJs, client, prefix));
      lines[line] = result.then(() => {});
      results.set(client, result);
    });
  });

  for (const client of clients) {
    describe.skipIf(client.command === null)(headingOf(client), () => {
      // With the client, so that it stands in every report: `kafkajs 2.2.4: sends headers`.
      const named = (title: string) => `${headingOf(client)}: ${title}`;

      test(named('runs to its end, and is of that version'), async () => {
        const { version, failure } = await results.get(client)!;
        expect(failure).toBeNull();
        expect(version).toBe(client.version);
      });

      test.for(features.map(({ id, title }) => [named(title), id] as const))('%s', async ([, id], { skip }) => {
        const { features: tried } = await results.get(client)!;
        const result = tried.get(id);
        expect(result, `the program says nothing about ${id}`).toBeDefined();
        expect(result!.ok, result!.detail).not.toBe(false);
        if (result!.ok !== null) return;
        expect(result!.detail, 'why it is not in this client').toBeTruthy();
        skip(result!.detail);
      });
    });
  }
}
