import type { Clock } from '../core/clock.ts';
import type { Address, Transport } from '../core/transport.ts';
import { LinkProxy } from './link-proxy.ts';
import type { CutHow } from './options.ts';

/** Everybody who is no broker. */
export const CLIENTS = 'clients';
export type Party = number | typeof CLIENTS;

/** The links to the brokers of a cluster that can be cut: each is a proxy of its own, by who dials whom. */
export class Links {
  private readonly proxies = new Map<string, LinkProxy>();

  /** @param portOf where a broker listens; null: nowhere now */
  static async open(
    transport: Transport,
    clock: Clock,
    brokerIds: readonly number[],
    withClients: boolean,
    portOf: (brokerId: number) => number | null,
  ): Promise<Links> {
    const links = new Links();
    const dialled = (id: number) => (): Address | null => {
      const port = portOf(id);
      return port === null ? null : { host: '127.0.0.1', port };
    };
    for (const to of brokerIds) {
      const parties: Party[] = brokerIds.filter((id) => id !== to);
      if (withClients) parties.push(CLIENTS);
      for (const from of parties) links.proxies.set(key(from, to), await LinkProxy.open(transport, clock, dialled(to)));
    }
    return links;
  }

  /** Where `from` dials `to`; null when that link is none of these. */
  address(from: Party, to: number): Address | null {
    return this.proxies.get(key(from, to))?.address ?? null;
  }

  /** @throws Error when these links cannot be cut */
  cut(one: Party, other: Party, how: CutHow): void {
    for (const proxy of this.between(one, other)) proxy.cut(how);
  }

  /** @param other of all links of `one`, when it is left out */
  heal(one: number, other?: Party): void {
    if (other !== undefined) {
      for (const proxy of this.between(one, other)) proxy.heal();
      return;
    }
    for (const [name, proxy] of this.proxies) if (name.split('>').includes(String(one))) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.proxies.values()].map((proxy) => proxy.close()));
  }

  private between(one: Party, other: Party): LinkProxy[] {
    const found = [key(one, other), key(other, one)].flatMap((name) => this.proxies.get(name) ?? []);
    if (found.length > 0) return found;
    throw new Error(`the link between ${one} and ${other} cannot be cut: see the option cuttable, and the ids of the brokers`);
  }
}

const key = (from: Party, to: Party): string => `${from}>${to}`;
