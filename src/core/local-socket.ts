import { createServer, connect as netConnect, type Socket } from 'node:net';

/** A stream of JSON values each way, one a line, between processes of one machine: a Unix socket, or a named pipe on Windows. */
export interface LineWire {
  send(message: object): void;
  /** Sends what is queued, then closes. */
  close(): void;
}

export interface LineWireEvents {
  message(message: unknown, wire: LineWire): void;
  /** Exactly once, last. */
  closed(): void;
}

/** Beyond this a peer is no peer. */
const MAX_LINE_BYTES = 1024 * 1024;

/**
 * @param path of a socket that does not exist, or is left over
 * @throws Node's errors (EACCES, ...)
 */
export function listenLocal(path: string, accepted: () => LineWireEvents): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => wireOf(socket, accepted()));
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve({ close: () => void server.close() });
    });
  });
}

/** @throws Node's errors: ENOENT and ECONNREFUSED when nobody listens there */
export function connectLocal(path: string, events: LineWireEvents): Promise<LineWire> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ path });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(wireOf(socket, events));
    });
  });
}

function wireOf(socket: Socket, events: LineWireEvents): LineWire {
  const wire: LineWire = {
    send: (message) => void (socket.writable && socket.write(`${JSON.stringify(message)}\n`)),
    close: () => void socket.end(),
  };
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop()!;
    if (text.length > MAX_LINE_BYTES) socket.destroy();
    for (const line of lines) {
      const message = parsed(line);
      if (message === undefined) socket.destroy();
      else events.message(message, wire);
    }
  });
  socket.on('error', () => {});
  socket.once('close', () => events.closed());
  return wire;
}

function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return value;
  } catch {
    return undefined;
  }
}
