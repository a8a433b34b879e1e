import { readdirSync, readFileSync } from 'node:fs';
import { responseHeaderIsFlexible } from '../../src/protocol/frame.ts';
import { APIS } from '../../src/protocol/messages/index.ts';
import type { Api, Message } from '../../src/protocol/schema.ts';

/** A frame that an independent client or Apache Kafka sent. */
export interface GoldenFrame {
  readonly apiName: string;
  readonly version: number;
  readonly broker: string;
  readonly client: string;
  readonly n: number;
  readonly kind: 'request' | 'response';
  /** Header and body, without the length before them. */
  readonly bytes: Buffer;
  readonly label: string;
}

/** A golden frame of an API that the project declares. */
export interface DeclaredFrame extends GoldenFrame {
  readonly api: Api;
  readonly message: Message;
  readonly flexibleHeader: boolean;
}

const FOLDER = new URL('../golden/', import.meta.url);

export function goldenFrames(): GoldenFrame[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.jsonl'));
  return files.sort().flatMap((file) => {
    const apiName = file.replace('.jsonl', '');
    const lines = readFileSync(new URL(file, FOLDER), 'utf8').trim().split('\n');
    return lines.map((text) => {
      const { hex, ...line } = JSON.parse(text) as Omit<GoldenFrame, 'apiName' | 'bytes' | 'label'> & { hex: string };
      const label = `${apiName} v${line.version} ${line.kind} ${line.n} of ${line.client} with ${line.broker}`;
      return { ...line, apiName, label, bytes: Buffer.from(hex, 'hex') };
    });
  });
}

export function declaredFrames(frames: readonly GoldenFrame[]): DeclaredFrame[] {
  return frames.flatMap((frame) => {
    const api = (APIS as readonly Api[]).find(({ name }) => name === frame.apiName);
    if (!api) return [];
    const flexibleHeader = frame.kind === 'request' ? frame.version >= api.flexibleFrom : responseHeaderIsFlexible(api, frame.version);
    return [{ ...frame, api, message: api[frame.kind], flexibleHeader }];
  });
}
