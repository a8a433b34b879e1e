import { createHash } from 'node:crypto';

/** Lines of what matters that are kept for the transcript of a failure. */
const STORY_LINES = 400;

/** What a run tells: every event to whoever wants the trace, and the story (faults, elections, logs) for a transcript. */
export class Trace {
  private readonly sink: ((line: string) => void) | null;
  private readonly hash = createHash('sha256');
  private readonly story: string[] = [];
  private readonly now: () => number;

  /** @param sink gets each line of the whole trace; null: only the story is kept */
  constructor(now: () => number, sink: ((line: string) => void) | null) {
    this.now = now;
    this.sink = sink;
  }

  get wanted(): boolean {
    return this.sink !== null;
  }

  /** One line of the trace alone. */
  event(who: string, what: string): void {
    if (this.sink === null) return;
    this.sink(`${this.stamp()} ${who} ${what}`);
  }

  /** A line that matters: of the trace and of the story. */
  tell(who: string, what: string): void {
    const line = `${this.stamp()} ${who} ${what}`;
    this.hash.update(line);
    this.story.push(line);
    if (this.story.length > STORY_LINES) this.story.splice(0, STORY_LINES / 4);
    this.sink?.(line);
  }

  transcript(): string {
    return this.story.join('\n');
  }

  /** Of the story, whole. */
  digest(): string {
    return this.hash.copy().digest('hex').slice(0, 16);
  }

  private stamp(): string {
    return this.now().toFixed(3).padStart(9);
  }
}
