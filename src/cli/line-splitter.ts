import { CliError } from './errors.ts';

/** No broker takes a larger request by default (socket.request.max.bytes is 100 MiB), and a client holds several copies of a record. */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts a stream of bytes into lines. A line ends with \n or, as on Windows, \r\n; the end is not part of it. */
export class LineSplitter {
  /** Lines that were handed out. */
  count = 0;
  private readonly maxBytes: number;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(maxBytes = MAX_LINE_BYTES) {
    this.maxBytes = maxBytes;
  }

  /** The lines that end in this chunk; views of it where they begin in it too. @throws CliError for a line that is too long */
  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      const line = this.complete(chunk.subarray(from, to));
      from = to + 1;
      yield line[line.byteLength - 1] === RETURN ? line.subarray(0, -1) : line;
    }
    if (from < chunk.byteLength) this.hold(chunk.subarray(from));
  }

  /** Bytes behind the last line end: the last line, if the stream has ended. */
  unfinishedBytes(): number {
    return this.pendingBytes;
  }

  /** The last line, which no line end follows; null when there is none. */
  end(): Buffer | null {
    return this.pendingBytes > 0 ? this.complete(Buffer.alloc(0)) : null;
  }

  private complete(tail: Buffer): Buffer {
    this.hold(tail);
    const line = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending, this.pendingBytes);
    this.pending = [];
    this.pendingBytes = 0;
    this.count++;
    return line;
  }

  private hold(part: Buffer): void {
    this.pendingBytes += part.byteLength;
    if (this.pendingBytes > this.maxBytes) {
      throw new CliError(
        `line ${this.count + 1} is longer than ${this.maxBytes / 1024 / 1024} MiB, which is the most that one record may have`,
      );
    }
    this.pending.push(part);
  }
}
