import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Feature } from './features.ts';
import type { ClientResult, MatrixClient } from './program.ts';

/** What scripts/compatibility.js makes docs/compatibility.md of: a file for each client of the table. */
export class MatrixResults {
  readonly #folder: string;
  readonly #clients: readonly MatrixClient[];

  /** @param folder in `.results` */
  constructor(folder: string, clients: readonly MatrixClient[]) {
    this.#folder = join(import.meta.dirname, '../../../.results', folder);
    this.#clients = clients;
  }

  /** What is there of earlier runs stays where it is of a client that is not tried now, but is in the table. */
  prepare(tried: readonly MatrixClient[]): void {
    mkdirSync(this.#folder, { recursive: true });
    const kept = this.#clients.filter((client) => !tried.includes(client)).map((client) => this.#file(client));
    for (const each of readdirSync(this.#folder)) if (!kept.includes(join(this.#folder, each))) rmSync(join(this.#folder, each));
  }

  write(client: MatrixClient, tried: readonly Feature[], { note, features }: ClientResult): void {
    const { name, version, language } = client;
    const inOrder = tried.map(({ id }) => ({ feature: id, ...(features.get(id) ?? { ok: false, detail: 'not tried' }) }));
    const all = { client: name, version, note, language, position: this.#clients.indexOf(client), features: inOrder };
    writeFileSync(this.#file(client), `${JSON.stringify(all, null, 2)}\n`);
  }

  #file({ name, version }: MatrixClient): string {
    return join(this.#folder, `${name.replaceAll(/\W+/g, '-').replace(/^-/, '')}-${version}.json`);
  }
}
