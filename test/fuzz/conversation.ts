import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { HANDLERS } from '../../src/handlers/index.ts';
import { readResponse } from '../support/raw-client.ts';
import { kafkaMessages } from '../support/schema-files.ts';

import type { Known } from './corpus.ts';

const NAMES = new Map(
  [...kafkaMessages('api').values()]
    .filter(({ name }) => name.endsWith('Request'))
    .map(({ apiKey, name }) => [apiKey, name.replace(/Request$/, '')]),
);
const SERVED = new Map(HANDLERS.map(({ api, versions }) => [api.key, versions]));
const PRODUCE = 0;
const API_VERSIONS = 18;
const MAX_REPLY_BYTES = 128 * 1024 * 1024;
const UNKNOWN_SERVER_ERROR = -1;
const ERROR_NAMES = new Map(Object.entries(ERROR_CODES).map(([name, { code }]): [number, string] => [code, name]));
/** One with acks=0 is never answered. */
const PRODUCE_DEADLINE_MS = 300;
const SHOWN_FRAMES = 3;
const SHOWN_LAST = 30;
const SHOWN_BYTES = 1000;

export interface Figures {
  connections: number;
  framesSent: number;
  bytesSent: number;
  answers: number;
  closedByBroker: number;
  readonly answersOf: Map<string, number>;
  /** Error codes that the answers had, with the API: how far in the fuzzing gets. */
  readonly outcomes: Map<string, number>;
  /** What was sent last by any connection: what a broker that is gone had to digest. */
  readonly lastFrames: string[];
  /** What was wrong, with what had been sent. Anything here is a defect. */
  readonly problems: string[];
}

/** Remembered of each kind of id that the broker gives. */
const KNOWN_IDS = 12;

export const newFigures = (): Figures => ({
  connections: 0,
  framesSent: 0,
  bytesSent: 0,
  answers: 0,
  closedByBroker: 0,
  answersOf: new Map(),
  outcomes: new Map(),
  lastFrames: [],
  problems: [],
});

interface Request {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly bytes: Buffer;
}

/** Cuts a stream into frames by their lengths, whatever they are; `ended` when one has a length that no frame has. */
class Cutter {
  private held: Buffer[] = [];
  private heldBytes = 0;
  ended = false;

  *push(chunk: Buffer, maxBytes: number): Generator<Buffer> {
    this.held.push(chunk);
    this.heldBytes += chunk.byteLength;
    while (!this.ended && this.heldBytes >= 4) {
      if (this.held[0]!.byteLength < 4) this.join();
      const length = this.held[0]!.readInt32BE(0);
      this.ended = length < 0 || length > maxBytes;
      if (this.ended || this.heldBytes < 4 + length) return;
      const bytes = this.join();
      yield bytes.subarray(4, 4 + length);
      this.held = [bytes.subarray(4 + length)];
      this.heldBytes = this.held[0]!.byteLength;
    }
  }

  private join(): Buffer {
    if (this.held.length > 1) this.held = [Buffer.concat(this.held)];
    return this.held[0]!;
  }
}

/**
 * One hostile connection. It reads what it sent as a broker would, so that it knows which replies may come: those of its frames, in order,
 * each in the form of its API and version. Only a Produce may go unanswered while the connection lives.
 */
export class Conversation {
  readonly socket: Socket;
  closed = false;
  private readonly figures: Figures;
  private readonly known: Known;
  private readonly label: string;
  private readonly sent = new Cutter();
  private readonly received = new Cutter();
  private readonly expected: Request[] = [];
  private readonly last: Buffer[] = [];
  private closing = false;

  /** @param label names the connection in a report: with the seed it says what was sent */
  constructor(port: number, label: string, figures: Figures, known: Known) {
    this.figures = figures;
    this.known = known;
    this.label = label;
    figures.connections++;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'ECONNREFUSED') return; // the broker may reset what it does not like
      figures.problems.push(`${label}: the broker is gone; sent last, by any connection:\n${figures.lastFrames.join('\n')}`);
    });
    this.socket.on('close', () => {
      this.closed = true;
      if (!this.closing) figures.closedByBroker++;
    });
  }

  connected(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.socket.connecting) return resolve();
      this.socket.once('connect', resolve).once('close', () => resolve());
    });
  }

  /** Bytes of any kind, as they are. */
  write(bytes: Buffer): void {
    if (this.closed || this.closing) return;
    this.figures.bytesSent += bytes.byteLength;
    for (const frame of this.sent.push(bytes, MAX_REPLY_BYTES)) this.note(frame);
    this.socket.write(bytes);
  }

  /** Waits for the replies that are due, the end of the connection, or the deadline. */
  async settled(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    const produceDeadline = performance.now() + Math.min(deadlineMs, PRODUCE_DEADLINE_MS);
    const due = () =>
      this.expected.length > 0 && (performance.now() < produceDeadline || this.expected.some(({ apiKey }) => apiKey !== PRODUCE));
    while (!this.closed && due() && performance.now() < deadline) await sleep(5);
  }

  leave(how: 'end' | 'destroy'): void {
    this.closing = true;
    if (how === 'destroy') this.socket.destroy();
    else {
      this.socket.end();
      this.socket.setTimeout(500, () => this.socket.destroy());
    }
  }

  private note(frame: Buffer): void {
    const { lastFrames } = this.figures;
    this.figures.framesSent++;
    lastFrames.push(`  ${this.label}: ${shown(frame)}`);
    if (lastFrames.length > SHOWN_LAST) lastFrames.shift();
    this.last.push(frame);
    if (this.last.length > SHOWN_FRAMES) this.last.shift();
    if (frame.byteLength < 8) return;
    this.expected.push({ apiKey: frame.readInt16BE(0), version: frame.readInt16BE(2), correlationId: frame.readInt32BE(4), bytes: frame });
  }

  private take(chunk: Buffer): void {
    if (this.closing) return;
    for (const frame of this.received.push(chunk, MAX_REPLY_BYTES)) this.answered(frame);
    if (this.received.ended) this.problem('a reply has a length that no reply has');
  }

  private answered(frame: Buffer): void {
    this.figures.answers++;
    const correlationId = frame.byteLength < 4 ? Number.NaN : frame.readInt32BE(0);
    let due = this.expected.shift();
    while (due?.apiKey === PRODUCE && due.correlationId !== correlationId) due = this.expected.shift();
    if (due?.correlationId === correlationId) this.check(due, frame);
    else this.problem(`reply ${correlationId} where ${due?.correlationId ?? 'none'} was due`);
  }

  private check({ apiKey, version, bytes }: Request, reply: Buffer): void {
    const api = NAMES.get(apiKey) ?? `key ${apiKey}`;
    count(this.figures.answersOf, api);
    const [first, last] = SERVED.get(apiKey) ?? [0, 0];
    const unsupported = apiKey === API_VERSIONS && (version < first || version > last); // KIP-511: answered in the form of v0
    try {
      const { body } = readResponse(api, unsupported ? 0 : version, reply);
      learn(this.known.memberIds, body.memberId);
      learn(this.known.sessionIds, body.sessionId);
      const codes = errorCodesIn(body);
      if (codes.has(UNKNOWN_SERVER_ERROR)) this.problem(`${api} v${version} was answered with UNKNOWN_SERVER_ERROR`, bytes);
      for (const code of codes) count(this.figures.outcomes, `${api} ${ERROR_NAMES.get(code) ?? code}`);
    } catch (error) {
      this.problem(`the reply to ${api} v${version} cannot be read: ${String(error)}\n  reply ${shown(reply)}`, bytes);
    }
  }

  private problem(what: string, request?: Buffer): void {
    const frames = request ? [request] : this.last;
    this.figures.problems.push(`${this.label}: ${what}\n${frames.map((frame) => `  sent ${shown(frame)}`).join('\n')}`);
  }
}

const shown = (frame: Buffer): string => `${frame.byteLength} bytes: ${frame.subarray(0, SHOWN_BYTES).toString('hex')}`;

const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

function learn<T extends string | number>(ids: T[], id: unknown): void {
  if (!id || (typeof id !== 'string' && typeof id !== 'number')) return;
  ids.push(id as T);
  if (ids.length > KNOWN_IDS) ids.shift();
}

function errorCodesIn(value: unknown, found = new Set<number>()): Set<number> {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return found;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'errorCode') found.add(Number(inner));
    else errorCodesIn(inner, found);
  }
  return found;
}
