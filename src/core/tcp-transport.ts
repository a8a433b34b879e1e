import { createServer, isIPv6, connect as netConnect, Socket, type SocketConstructorOpts } from 'node:net';
import type { Address, Listening, Transport, Wire, WireEvents } from './transport.ts';

/** Backlog of connections that the kernel holds while the event loop is busy: a test suite opens hundreds at once. */
const BACKLOG = 1024;

export const tcpTransport: Transport = {
  listen(address, accept) {
    return new Promise<Listening>((resolve, reject) => {
      const { host, port, path } = address;
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => accept(path ? wireOf(socket) : readingInto(socket)));
      server.once('error', reject);
      server.listen(path ? { path, backlog: BACKLOG } : { host, port, backlog: BACKLOG, ipv6Only: isIPv6(host) && host !== '::' }, () => {
        server.removeListener('error', reject);
        server.on('error', () => {}); // accept errors (EMFILE): the kernel keeps the connection in the backlog, the next accept tries again
        const bound = path ? address : { host, port: (server.address() as { port: number }).port };
        resolve({
          address: bound,
          // The port is free when this returns. Node calls back only when the last connection has ended as well, which may be never.
          close: async () => void server.close(),
        });
      });
    });
  },

  connect(address, timeoutMs) {
    return new Promise<Wire>((resolve, reject) => {
      const { host, port, path } = address;
      const { onread, read } = sharedReading();
      const socket = netConnect({ ...(path ? { path } : { host, port, noDelay: true }), ...(CAN_SHARE && { onread }) });
      socket.pause(); // else it reads, and loses, what comes before `start`
      const failed = (error: Error) => {
        socket.destroy();
        reject(error);
      };
      socket.setTimeout(timeoutMs, () => {
        failed(Object.assign(new Error(`no connection to ${path ?? `${host}:${port}`} in ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
      });
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.removeListener('error', failed);
        resolve(wireOf(socket, CAN_SHARE ? (data) => read(socket, data) : undefined));
      });
    });
  },
};

/**
 * One buffer for what all sockets read: the bytes are the receiver's only during `data`, and the loop hands them over one read at a time.
 * Without it Node allocates 64 KiB for each read, and a third of the CPU time of a broker under load goes to the garbage collector.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);
/** Windows fills buffers before it says so, for several sockets at once. */
const CAN_SHARE = process.platform !== 'win32';

/** A socket's handle, which Node gives to a new socket but not its types. */
interface Handed {
  _handle: unknown;
}

/** Has an accepted socket read into the shared buffer. Node offers this (`onread`) only for new sockets, so its handle goes into one. */
function readingInto(accepted: Socket): Wire {
  const handed = accepted as unknown as Handed;
  const handle = handed._handle;
  if (!CAN_SHARE || typeof handle !== 'object' || handle === null) return wireOf(accepted);
  handed._handle = null;
  const { onread, read } = sharedReading();
  // Without manualStart it would read at once, and lose what comes before `start`: a broker that starts lets clients wait.
  const options = { handle, readable: true, writable: true, manualStart: true, onread };
  const socket = new Socket(options as SocketConstructorOpts);
  socket.setNoDelay(true);
  return wireOf(socket, (data) => read(socket, data));
}

type Receive = (chunk: Uint8Array) => void;

/** What a socket must be made with to read into the shared buffer, and how it begins to. */
function sharedReading(): {
  onread: { buffer: Buffer; callback: (length: number) => boolean };
  read: (socket: Socket, data: Receive) => void;
} {
  let receive: Receive = () => {};
  const callback = (length: number) => {
    receive(READ_BUFFER.subarray(0, length));
    return true;
  };
  const read = (socket: Socket, data: Receive) => {
    receive = data;
    socket.resume();
    socket.read(0);
  };
  return { onread: { buffer: READ_BUFFER, callback }, read };
}

const textOf = (host: string | undefined): string => host?.replace(/^::ffff:/, '') ?? '';

function wireOf(socket: Socket, read?: (data: (chunk: Uint8Array) => void) => void): Wire {
  const local: Address = { host: textOf(socket.localAddress), port: socket.localPort ?? 0 };
  const remote: Address = { host: textOf(socket.remoteAddress), port: socket.remotePort ?? 0 };
  let failure: Error | null = null;
  socket.on('error', (error) => {
    failure = error;
  });
  return {
    local,
    remote,
    start(events: WireEvents) {
      let told = false;
      const closed = () => {
        if (told) return;
        told = true;
        events.closed(failure);
      };
      if (!read) socket.on('data', (chunk: Buffer) => events.data(chunk));
      socket.on('drain', () => events.drained());
      socket.on('end', () => socket.end());
      socket.once('close', closed);
      if (socket.destroyed) queueMicrotask(closed);
      else if (read) read((chunk) => events.data(chunk));
      else socket.resume();
    },
    write(chunks, sent) {
      const last = chunks.length - 1;
      if (socket.destroyed || socket.writableEnded || last < 0) {
        sent?.();
        return;
      }
      // Several chunks leave in one writev; the callback of the last is the callback of all.
      if (last > 0) socket.cork();
      for (let i = 0; i < last; i++) socket.write(chunks[i]!);
      socket.write(chunks[last]!, sent && (() => sent()));
      if (last > 0) socket.uncork();
    },
    unsentBytes: () => socket.writableLength,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.end(() => socket.destroySoon()),
    destroy: () => void socket.destroy(),
  };
}
