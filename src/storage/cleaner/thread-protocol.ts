import type { CompactionJob } from './job.ts';
import type { CompactionEvent } from './sessions.ts';

/** What the cleaner's thread is told. Ids tell sessions apart, and syncs from them; each is used once. */
export type CleanerRequest =
  | { readonly kind: 'begin'; readonly id: number; readonly job: CompactionJob }
  | { readonly kind: 'next'; readonly id: number }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'sync'; readonly id: number; readonly folder: string }
  | { readonly kind: 'stop' };

/** What it answers to `next` and `sync`. An Error loses its code on the way, so it is taken apart. */
export type CleanerAnswer =
  | { readonly id: number; readonly event: CompactionEvent }
  | { readonly id: number; readonly failure: { readonly message: string; readonly code: string | undefined } }
  | { readonly ready: true };
