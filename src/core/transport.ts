/**
 * The port to the network. Nothing else in the project touches a socket.
 * TCP is in tcp-transport.ts; an in-memory network is in memory-transport.ts.
 */
export interface Transport {
  /** @throws Node's own errors: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND */
  listen(address: Address, accept: (wire: Wire) => void): Promise<Listening>;
  /** @throws ECONNREFUSED and the like; ETIMEDOUT after `timeoutMs` */
  connect(address: Address, timeoutMs: number): Promise<Wire>;
}

/** host: a name or a literal address; port 0 in `listen`: any free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /**
   * A socket of this machine alone, which host and port then say nothing of: its name in the file system (at most 100 bytes: Node cuts longer
   * ones silently), where a file that was left there has to be removed before `listen`; on Windows a named pipe.
   */
  readonly path?: string;
}

export interface Listening {
  /** With the port that was really taken. */
  readonly address: Address;
  /** Stops accepting. Wires that were accepted stay open. */
  close(): Promise<void>;
}

export interface WireEvents {
  /** The bytes are the receiver's until it returns; the transport uses the memory again afterwards. */
  data(chunk: Uint8Array): void;
  /** The amount of unsent bytes fell to zero. */
  drained(): void;
  /** Exactly once, last: the peer closed, the connection broke (`error`), or `close`/`destroy` was called here. */
  closed(error: Error | null): void;
}

/** One established connection: a stream of bytes each way. Reading starts with `start`. */
export interface Wire {
  readonly local: Address;
  readonly remote: Address;
  start(events: WireEvents): void;
  /** Queues bytes in order. `sent` is called once, when the transport needs the chunks' memory no more, also after a failure. */
  write(chunks: readonly Uint8Array[], sent?: () => void): void;
  /** Bytes queued by `write` and not yet handed to the network. */
  unsentBytes(): number;
  /** Stops and resumes reading: back-pressure for the peer. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  close(): void;
  /** Closes at once; what is queued is lost. */
  destroy(): void;
}
