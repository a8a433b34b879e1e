import type { WaitKey } from '../core/purgatory.ts';

/** What waits for a partition's high watermark, its log start, its role or its end. */
export const committedKey = (topicId: string, index: number): WaitKey => `partition:${topicId}/${index}`;
/** What waits for whatever is written, as followers do. */
export const writtenKey = (topicId: string, index: number): WaitKey => `end:${topicId}/${index}`;
