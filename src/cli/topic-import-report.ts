import type { Context } from './output.ts';
import { writeTable } from './output.ts';
import { sizeText } from './size-text.ts';
import type { ImportPlan, PlannedTopic } from './topic-import-plan.ts';

type Configured = PlannedTopic & { readonly configs: ReadonlyMap<string, string> };

const BAR_WIDTH = 30;
const MAX_FOLDERS_SHOWN = 5;
const bytesOf = ({ partitions }: PlannedTopic): number =>
  partitions.reduce((sum, { files }) => files.reduce((s, f) => s + f.bytes, sum), 0);

/** How far a copy is, on one line of a terminal; says nothing in a pipe. */
export class CopyProgress {
  private readonly total: number;
  private readonly err: Context['err'];
  private done = 0;
  private shown = '';

  constructor(topics: readonly PlannedTopic[], err: Context['err']) {
    this.total = topics.reduce((sum, topic) => sum + bytesOf(topic), 0);
    this.err = err;
  }

  copied(bytes: number): void {
    this.done += bytes;
    if (!this.err.isTerminal || this.total === 0) return;
    const share = this.done / this.total;
    const filled = Math.floor(share * BAR_WIDTH);
    const text = `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${Math.floor(share * 100)}% of ${sizeText(this.total, 'B')}`;
    if (text === this.shown) return;
    this.shown = text;
    this.err.text(`\r${text}`);
  }

  /** Takes the line away, for others to write theirs. */
  end(): void {
    if (this.shown) this.err.text('\r\x1b[K');
    this.shown = '';
  }
}

/** What was imported goes to `out`; what one should know of it goes to `err`. In a pipe: name, partitions, bytes and id, parted by tabs. */
export function reportImport(
  plan: ImportPlan,
  topics: readonly Configured[],
  directory: string,
  json: boolean,
  { out, err }: Pick<Context, 'out' | 'err'>,
): void {
  for (const note of notesOf(plan, topics)) err.line(`note: ${note}`);
  if (json) {
    const imported = topics.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitions: topic.partitions.length,
      bytes: bytesOf(topic),
      configs: Object.fromEntries(topic.configs),
    }));
    const value = { directory, endedCleanly: plan.endedCleanly, topics: imported, skipped: plan.skipped };
    out.line(out.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value));
    return;
  }
  const size = (topic: PlannedTopic) => (out.isTerminal ? sizeText(bytesOf(topic), 'B') : bytesOf(topic));
  const rows = topics.map((topic) => [topic.name, topic.partitions.length, size(topic), topic.topicId]);
  writeTable(out, ['Topic', 'Partitions', 'Size', 'Topic id'], rows);
  if (out.isTerminal) out.line(`Imported ${topics.length === 1 ? '1 topic' : `${topics.length} topics`} into ${directory}.`);
}

function notesOf({ endedCleanly, skipped }: ImportPlan, topics: readonly Configured[]): string[] {
  const notes = skipped.map(({ folders, reason }) => `${listed(folders)} not imported: ${reason}`);
  if (!endedCleanly) {
    notes.push(
      'there is no mark of a clean shutdown, so the logs are verified when they are first used; ' +
        'if their broker still runs, stop it and import into a new directory',
    );
  }
  const compacted = topics
    .filter(({ wasCompacted }) => wasCompacted)
    .map(({ name, configs }) => `${name} (${configs.get('cleanup.policy')})`);
  if (compacted.length > 0) notes.push(`compacted at Kafka, with the cleanup.policy that they have here: ${listed(compacted)}`);
  if (!topics.some(({ configs }) => configs.has('retention.ms'))) {
    notes.push(
      'topic configs are not in partition folders, so defaults hold (retention.ms is 7 days: older records go soon after the start); ' +
        'set others with --config, as in --config retention.ms=-1',
    );
  }
  return notes;
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_FOLDERS_SHOWN;
  return more > 0 ? `${names.slice(0, MAX_FOLDERS_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}
