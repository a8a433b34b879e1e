import { type Node, parsePattern } from './pattern-syntax.ts';

/** States of the machine that a pattern becomes: what repeats is written out, so (a{100}){100} has 10,000. */
const MAX_STATES = 10_000;

/** One state: it goes on over a character that `takes` one, or to other states without any. */
type State =
  | { readonly kind: 'take'; readonly takes: (codePoint: number) => boolean; next: number }
  | { readonly kind: 'split'; next: number[] }
  | { readonly kind: 'at'; readonly where: 'start' | 'end'; next: number }
  | { readonly kind: 'done' };

/**
 * A regular expression that a client has sent, matched in time that grows with the text and the pattern alone: Node's own may take for ever, and
 * hold the broker up. Its syntax is the part of RE2's that has no Unicode classes, flags or word boundaries.
 */
export class LinearPattern {
  private readonly states: State[] = [];

  /** @throws SyntaxError for what is no pattern, is not supported, or becomes too large */
  constructor(source: string) {
    const start = this.add({ kind: 'split', next: [] });
    const end = this.build(parsePattern(source), start);
    this.connect(end, this.add({ kind: 'done' }));
  }

  /** Whether the whole text is one that the pattern means. */
  matches(text: string): boolean {
    const codePoints = Array.from(text, (character) => character.codePointAt(0)!);
    let current = this.reached([0], 0, codePoints.length);
    for (const [i, codePoint] of codePoints.entries()) {
      const next: number[] = [];
      for (const at of current) {
        const state = this.states[at]!;
        if (state.kind === 'take' && state.takes(codePoint)) next.push(state.next);
      }
      current = this.reached(next, i + 1, codePoints.length);
      if (current.size === 0) return false;
    }
    for (const at of current) if (this.states[at]!.kind === 'done') return true;
    return false;
  }

  /** All states that need no further character to be reached. */
  private reached(from: readonly number[], position: number, length: number): Set<number> {
    const seen = new Set<number>();
    const waiting = [...from];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const state = this.states[at]!;
      if (state.kind === 'split') waiting.push(...state.next);
      else if (state.kind === 'at' && position === (state.where === 'start' ? 0 : length)) waiting.push(state.next);
    }
    return seen;
  }

  /** Adds what a node means behind a state; returns the state behind it. */
  private build(node: Node, from: number): number {
    switch (node.kind) {
      case 'characters':
        return this.after(from, { kind: 'take', takes: node.takes, next: -1 });
      case 'at':
        return this.after(from, { kind: 'at', where: node.where, next: -1 });
      case 'sequence':
        return node.parts.reduce((at, part) => this.build(part, at), from);
      case 'either': {
        const end = this.add({ kind: 'split', next: [] });
        for (const part of node.parts) this.connect(this.build(part, this.after(from, { kind: 'split', next: [] })), end);
        return end;
      }
      case 'repeat':
        return this.repeat(node, from);
    }
  }

  private repeat({ least, most, part }: Node & { kind: 'repeat' }, from: number): number {
    let at = from;
    for (let i = 0; i < least; i++) at = this.build(part, at);
    const end = this.add({ kind: 'split', next: [] });
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.after(at, { kind: 'split', next: [] });
      this.connect(this.build(part, loop), loop);
      this.connect(loop, end);
      return end;
    }
    this.connect(at, end);
    for (let i = least; i < most; i++) {
      at = this.build(part, this.after(at, { kind: 'split', next: [] }));
      this.connect(at, end);
    }
    return end;
  }

  private after(from: number, state: State): number {
    const at = this.add(state);
    this.connect(from, at);
    if (state.kind === 'split') return at;
    const behind = this.add({ kind: 'split', next: [] });
    this.connect(at, behind);
    return behind;
  }

  private connect(from: number, to: number): void {
    const state = this.states[from]!;
    if (state.kind === 'split') state.next.push(to);
    else if (state.kind !== 'done') state.next = to;
  }

  private add(state: State): number {
    if (this.states.length >= MAX_STATES) throw new SyntaxError('the pattern is too large');
    return this.states.push(state) - 1;
  }
}
