/** The package ships its types where its `exports` do not let TypeScript find them; this is the part that is used here. */
declare module 'binary-parser' {
  export class Parser {
    endianness(order: 'big' | 'little'): this;
    int16(name: string): this;
    int32(name: string): this;
    uint32(name: string): this;
    /** A bigint in what is parsed. */
    int64(name: string): this;
    array(name: string, options: { type: Parser; readUntil: 'eof' } | { type: Parser; length: string }): this;
    nest(options: { type: Parser }): this;
    parse(bytes: Uint8Array): Record<string, unknown>;
  }
}
