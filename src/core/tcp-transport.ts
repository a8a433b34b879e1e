import { createServer, isIPv6, connect as netConnect, type Socket } from 'node:net';
import type { Address, Listening, Transport, Wire, WireEvents } from './transport.ts';

/** Backlog of connections that the kernel holds while the event loop is busy: a test suite opens hundreds at once. */
const BACKLOG = 1024;

export const tcpTransport: Transport = {
  listen(address, accept) {
    return new Promise<Listening>((resolve, reject) => {
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => accept(wireOf(socket)));
      server.once('error', reject);
      server.listen(
        { host: address.host, port: address.port, backlog: BACKLOG, ipv6Only: isIPv6(address.host) && address.host !== '::' },
        () => {
          server.removeListener('error', reject);
          server.on('error', () => {}); // accept errors (EMFILE): the kernel keeps the connection in the backlog, the next accept tries again
          const bound = server.address() as { address: string; port: number };
          resolve({
            address: { host: address.host, port: bound.port },
            // The port is free when this returns. Node calls back only when the last connection has ended as well, which may be never.
            close: async () => void server.close(),
          });
        },
      );
    });
  },

  connect(address, timeoutMs) {
    return new Promise<Wire>((resolve, reject) => {
      const socket = netConnect({ host: address.host, port: address.port, noDelay: true });
      const failed = (error: Error) => {
        socket.destroy();
        reject(error);
      };
      socket.setTimeout(timeoutMs, () => {
        failed(Object.assign(new Error(`no connection to ${address.host}:${address.port} in ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
      });
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.removeListener('error', failed);
        socket.pause();
        resolve(wireOf(socket));
      });
    });
  },
};

const textOf = (host: string | undefined): string => host?.replace(/^::ffff:/, '') ?? '';

function wireOf(socket: Socket): Wire {
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
      socket.on('data', (chunk: Buffer) => events.data(chunk));
      socket.on('drain', () => events.drained());
      socket.on('end', () => socket.end());
      socket.once('close', closed);
      if (socket.destroyed) queueMicrotask(closed);
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
