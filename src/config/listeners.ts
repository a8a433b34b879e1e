import { ConfigError } from './config-error.ts';
import { splitList } from './values.ts';

/** One `NAME://host:port`. An empty host is every address of this machine; port 0 is one that the system chooses. */
export interface ListenerAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** PLAINTEXT; the others are refused until TLS and SASL exist. */
  readonly protocol: 'PLAINTEXT';
}

/** `listeners` apart from those in controller.listener.names: there is no controller process that would listen there. */
export interface ParsedListeners {
  readonly listeners: readonly ListenerAddress[];
  readonly skipped: readonly string[];
}

// Kafka's own pattern (EndPoint): IPv6 addresses stand in brackets.
const ADDRESS = /^([^:/]+):\/\/(?:\[([0-9a-zA-Z\-%._:]*)\]|([0-9a-zA-Z\-%._]*)):(\d{1,5})$/;
const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

/**
 * Parses `listeners` (or, with `advertised`, advertised.listeners) with listener.security.protocol.map and controller.listener.names.
 * Throws ConfigError with every problem found.
 */
export function parseListeners(text: string, protocolMap: string, controllerNames = '', advertised = false): ParsedListeners {
  const key = advertised ? 'advertised.listeners' : 'listeners';
  const problems: string[] = [];
  const protocols = protocolsOf(protocolMap, problems);
  const controllers = new Set(splitList(controllerNames).map((name) => name.toUpperCase()));
  const listeners: ListenerAddress[] = [];
  const skipped: string[] = [];
  for (const each of splitList(text)) {
    const match = ADDRESS.exec(each);
    const name = match?.[1]?.toUpperCase() ?? '';
    if (match && controllers.has(name)) {
      skipped.push(each);
      continue;
    }
    const port = Number(match?.[4]);
    if (!match || port > 65535) {
      problems.push(`${key}: '${each}' is not NAME://host:port, as in PLAINTEXT://localhost:9092`);
      continue;
    }
    const protocol = protocols.get(name);
    if (protocol === 'PLAINTEXT') listeners.push({ name, host: match[2] ?? match[3] ?? '', port, protocol });
    else if (protocol === undefined) problems.push(`${key}: add ${name}:PLAINTEXT to listener.security.protocol.map`);
    else problems.push(`${key}: ${name} uses ${protocol}, but TLS and SASL are not implemented yet: map it to PLAINTEXT or remove it`);
  }
  problems.push(...conflicts(key, listeners, advertised));
  if (problems.length > 0) throw new ConfigError(problems);
  return { listeners, skipped };
}

function protocolsOf(map: string, problems: string[]): Map<string, string> {
  const protocols = new Map<string, string>();
  for (const each of splitList(map)) {
    const [, name, protocol] = /^([^:]+):([A-Za-z_]+)$/.exec(each) ?? [];
    if (name && protocol && PROTOCOLS.includes(protocol.toUpperCase())) protocols.set(name.toUpperCase(), protocol.toUpperCase());
    else problems.push(`listener.security.protocol.map: '${each}' is not NAME:PROTOCOL with one of ${PROTOCOLS.join(', ')}`);
  }
  return protocols;
}

function conflicts(key: string, listeners: readonly ListenerAddress[], advertised: boolean): string[] {
  const problems: string[] = [];
  for (const [at, each] of listeners.entries()) {
    const earlier = listeners.slice(0, at);
    if (earlier.some((other) => other.name === each.name))
      problems.push(`${key}: the name ${each.name} stands there twice; use each name once`);
    else if (!advertised && each.port !== 0 && earlier.some((other) => other.port === each.port && overlap(other.host, each.host))) {
      problems.push(`${key}: port ${each.port} stands there twice; use each port once`);
    }
    if (!advertised) continue;
    if (['', '0.0.0.0', '::'].includes(each.host)) {
      problems.push(`${key}: ${each.name} needs a host that clients can reach, not '${each.host}'`);
    }
    if (each.port === 0) problems.push(`${key}: ${each.name} needs a port that clients can reach, not 0`);
  }
  return problems;
}

function overlap(one: string, other: string): boolean {
  const wildcard = (host: string) => ['', '0.0.0.0', '::'].includes(host);
  return one === other || wildcard(one) || wildcard(other);
}
