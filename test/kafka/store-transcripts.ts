import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Scenario } from '../../src/conformance/scenario.ts';
import { apiOf, type StoredTranscripts } from '../../src/conformance/stored-transcripts.ts';
import { fileNameOf, loadTranscripts, TRANSCRIPTS, transcriptText } from '../../src/conformance/transcript-files.ts';

/**
 * Writes the stored transcripts.
 * @param all every scenario; what is stored of any other goes
 * @param played those that were recorded now; of the others what is stored stays
 */
export function storeTranscripts(recorded: readonly StoredTranscripts[], all: readonly Scenario[], played: readonly Scenario[]): void {
  const now = new Map(recorded.flatMap(({ scenarios }) => Object.entries(scenarios)));
  const apis = [...new Set(all.map(({ name }) => apiOf(name)))];
  const before = new Map(loadTranscripts(apis).flatMap(({ scenarios }) => Object.entries(scenarios)));
  mkdirSync(TRANSCRIPTS, { recursive: true });
  const written = apis.map((api) => {
    const names = all.map(({ name }) => name).filter((name) => apiOf(name) === api);
    const scenarios = names.flatMap((name) => {
      const steps = played.some((scenario) => scenario.name === name) ? now.get(name) : before.get(name);
      return steps ? [[name, steps] as const] : [];
    });
    writeFileSync(new URL(fileNameOf(api), TRANSCRIPTS), transcriptText({ api, scenarios: Object.fromEntries(scenarios) }));
    return fileNameOf(api);
  });
  for (const file of readdirSync(TRANSCRIPTS)) if (!written.includes(file)) rmSync(new URL(file, TRANSCRIPTS));
}
