/** What a pattern is made of. */
export type Node =
  | { readonly kind: 'characters'; readonly takes: (codePoint: number) => boolean }
  | { readonly kind: 'at'; readonly where: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'either'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly least: number; readonly most: number };

type Takes = (codePoint: number) => boolean;

/** RE2's limit for one counted repetition. */
const MAX_REPEAT = 1_000;
/** Groups in groups: the parser calls itself for each. */
const MAX_DEPTH = 100;

const NEWLINE = 10;
const within = (...ranges: readonly (readonly [string, string])[]): Takes => {
  const bounds = ranges.map(([from, to]) => [from.codePointAt(0)!, to.codePointAt(0)!] as const);
  return (codePoint) => bounds.some(([from, to]) => codePoint >= from && codePoint <= to);
};
const not =
  (takes: Takes): Takes =>
  (codePoint) =>
    !takes(codePoint);

const DIGIT = within(['0', '9']);
const WORD = within(['0', '9'], ['A', 'Z'], ['_', '_'], ['a', 'z']);
const SPACE = within(['\t', '\n'], ['\f', '\r'], [' ', ' ']);
const CLASSES: Readonly<Record<string, Takes | undefined>> = { d: DIGIT, D: not(DIGIT), w: WORD, W: not(WORD), s: SPACE, S: not(SPACE) };
const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const PUNCTUATION = /^[^0-9A-Za-z\s]$/;

/** @throws SyntaxError with what is wrong, or not supported */
export function parsePattern(source: string): Node {
  const parser = new Parser(source);
  const node = parser.either(0);
  if (!parser.isOver) throw new SyntaxError('unexpected )');
  return node;
}

class Parser {
  private readonly characters: readonly string[];
  private at = 0;

  constructor(source: string) {
    this.characters = Array.from(source);
  }

  get isOver(): boolean {
    return this.at >= this.characters.length;
  }

  either(depth: number): Node {
    if (depth > MAX_DEPTH) throw new SyntaxError('groups are nested too deeply');
    const parts = [this.sequence(depth)];
    while (this.skip('|')) parts.push(this.sequence(depth));
    return parts.length === 1 ? parts[0]! : { kind: 'either', parts };
  }

  private sequence(depth: number): Node {
    const parts: Node[] = [];
    while (!this.isOver && this.peek !== '|' && this.peek !== ')') parts.push(this.repeated(this.atom(depth)));
    return { kind: 'sequence', parts };
  }

  private repeated(part: Node): Node {
    const [least, most] = this.counts() ?? [];
    if (least === undefined || most === undefined) return part;
    this.skip('?'); // as few as possible: what is matched as a whole is the same
    if (this.counts()) throw new SyntaxError('invalid nested repetition operator');
    return { kind: 'repeat', part, least, most };
  }

  private counts(): readonly [number, number] | null {
    if (this.skip('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.skip('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.skip('?')) return [0, 1];
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.characters.slice(this.at, this.at + 12).join(''));
    if (!counted) return null;
    this.at += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3]);
    if (least > MAX_REPEAT || (most > MAX_REPEAT && most !== Number.POSITIVE_INFINITY) || most < least)
      throw new SyntaxError('invalid repeat count');
    return [least, most];
  }

  private atom(depth: number): Node {
    const character = this.take();
    switch (character) {
      case '.':
        return { kind: 'characters', takes: (codePoint) => codePoint !== NEWLINE };
      case '^':
        return { kind: 'at', where: 'start' };
      case '$':
        return { kind: 'at', where: 'end' };
      case '(':
        return this.group(depth);
      case '[':
        return { kind: 'characters', takes: this.set() };
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
        throw new SyntaxError(`missing argument to repetition operator ${character}`);
      default:
        return one(character);
    }
  }

  private group(depth: number): Node {
    if (this.skip('?')) {
      const isNamed = this.skip('P') || this.peek === '<';
      if (isNamed && this.skip('<')) while (this.take() !== '>');
      else if (!this.skip(':')) throw new SyntaxError('flags in a group are not supported');
    }
    const node = this.either(depth + 1);
    if (!this.skip(')')) throw new SyntaxError('missing )');
    return node;
  }

  private escape(): Node {
    const character = this.take();
    const takes = CLASSES[character];
    if (takes) return { kind: 'characters', takes };
    if (character === 'A') return { kind: 'at', where: 'start' };
    if (character === 'z') return { kind: 'at', where: 'end' };
    return one(this.literal(character));
  }

  private literal(escaped: string): string {
    const control = CONTROLS[escaped];
    if (control) return control;
    if (!PUNCTUATION.test(escaped)) throw new SyntaxError(`invalid escape sequence: \\${escaped}`);
    return escaped;
  }

  private set(): Takes {
    const isNegated = this.skip('^');
    const members: Takes[] = [];
    for (let isFirst = true; isFirst || this.peek !== ']'; isFirst = false) {
      const from = this.take();
      if (from === '[' && this.peek === ':') throw new SyntaxError('named classes are not supported');
      const takes = from === '\\' ? CLASSES[this.peek ?? ''] : undefined;
      if (takes) {
        this.take();
        members.push(takes);
        continue;
      }
      const first = from === '\\' ? this.literal(this.take()) : from;
      let last = first;
      if (this.peek === '-' && this.characters[this.at + 1] !== ']') {
        this.take();
        const to = this.take();
        last = to === '\\' ? this.literal(this.take()) : to;
      }
      if (last.codePointAt(0)! < first.codePointAt(0)!) throw new SyntaxError('invalid character class range');
      members.push(within([first, last]));
    }
    this.take();
    const takes: Takes = (codePoint) => members.some((member) => member(codePoint));
    return isNegated ? not(takes) : takes;
  }

  private get peek(): string | undefined {
    return this.characters[this.at];
  }
  private take(): string {
    const character = this.characters[this.at++];
    if (character === undefined) throw new SyntaxError('the pattern ends too early');
    return character;
  }
  private skip(character: string): boolean {
    if (this.peek !== character) return false;
    this.at++;
    return true;
  }
}

const one = (character: string): Node => {
  const wanted = character.codePointAt(0)!;
  return { kind: 'characters', takes: (codePoint) => codePoint === wanted };
};
