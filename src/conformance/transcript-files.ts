import { fileURLToPath } from 'node:url';
import { readPackageFile } from '../core/package-file.ts';
import { layOut, type StoredTranscripts } from './stored-transcripts.ts';
import type { Json } from './transcript.ts';

/** In the sources and in dist/, where this file is part of a chunk, the same way up. */
export const TRANSCRIPTS = new URL('../conformance/transcripts/', import.meta.url);

/** The file of an API: `list-offsets.json`. */
export const fileNameOf = (api: string): string => `${api.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.json`;

/** The stored transcripts of these APIs; of one that has none yet, nothing. */
export function loadTranscripts(apis: readonly string[], folder = TRANSCRIPTS): StoredTranscripts[] {
  return apis.flatMap((api) => {
    try {
      const text = Buffer.from(readPackageFile(fileURLToPath(new URL(fileNameOf(api), folder)))).toString('utf8');
      return [JSON.parse(text) as StoredTranscripts];
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  });
}

/** The text of the file that holds an API's transcripts. */
export const transcriptText = (stored: StoredTranscripts): string => `${layOut(stored as unknown as Json)}\n`;
