import { nodeCodeOf } from '../core/errors.ts';
import type { Address, Listening, Transport, Wire } from '../core/transport.ts';

/** Times that a port given by the system for one address family may turn out to be taken in the other. */
const MAX_TRIES = 20;
/** What a machine without IPv6 answers when it is asked to listen there. */
const NO_SUCH_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/**
 * Listens on `host` in both IP families: `localhost` is 127.0.0.1 and ::1, '' is every address of this machine. With port 0 both get the same
 * free port.
 * @throws the transport's errors: EADDRINUSE, EACCES, ENOTFOUND, ...
 */
export async function bind(transport: Transport, { host, port }: Address, accept: (wire: Wire) => void): Promise<Listening> {
  const [first, second] = addressesOf(host);
  for (let tries = 1; ; tries++) {
    const one = await listenOrSkip(transport, { host: first, port }, accept, second !== undefined);
    const chosen = one?.address.port ?? port;
    if (second === undefined) return named(host, [one!]);
    try {
      const two = await listenOrSkip(transport, { host: second, port: chosen }, accept, one !== null);
      return named(
        host,
        [one, two].filter((each) => each !== null),
      );
    } catch (error) {
      await one?.close();
      if (port !== 0 || nodeCodeOf(error) !== 'EADDRINUSE' || tries === MAX_TRIES) throw error;
    }
  }
}

function addressesOf(host: string): [string, string?] {
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  // :: takes IPv4, too, where the system has IPv6 at all.
  if (host === '') return ['::'];
  return [host];
}

async function listenOrSkip(
  transport: Transport,
  address: Address,
  accept: (wire: Wire) => void,
  mayLack: boolean,
): Promise<Listening | null> {
  try {
    return await transport.listen(address, accept);
  } catch (error) {
    if (address.host === '::' && NO_SUCH_FAMILY.has(nodeCodeOf(error))) return transport.listen({ ...address, host: '0.0.0.0' }, accept);
    if (mayLack && NO_SUCH_FAMILY.has(nodeCodeOf(error))) return null;
    throw error;
  }
}

function named(host: string, listening: readonly Listening[]): Listening {
  return {
    address: { host, port: listening[0]!.address.port },
    close: async () => {
      await Promise.all(listening.map((each) => each.close()));
    },
  };
}
