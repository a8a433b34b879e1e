import { join } from 'node:path';
import { type Program, startProgram } from '../support/program.ts';
import { pythonWithAllCodecs } from './python.ts';

export type Assignor = 'range' | 'cooperative-sticky';

/** What a program of groups/ is told. It runs several members, each with a connection, and a life, of its own. */
export interface MemberOptions {
  readonly bootstrap: string;
  readonly group: string;
  readonly topics: readonly string[];
  /** Instead of the topics: a regular expression. */
  readonly pattern?: string;
  /** kafkajs has one of its own. */
  readonly assignor: Assignor;
  /** KIP-345; the member's number is appended. */
  readonly instanceId?: string;
  readonly members: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly metadataMaxAgeMs: number;
}

/** A line that it prints. Partitions are `topic/partition`. */
export interface MemberEvent {
  readonly event: 'joined' | 'assigned' | 'revoked' | 'left' | 'records' | 'heartbeat' | 'paused' | 'resumed' | 'idle' | 'crashed';
  /** Its number in this program. */
  readonly member: number;
  /** Wall clock, in ms. */
  readonly at: number;
  /** All that it owns from here on. */
  readonly owned?: readonly string[];
  /** Only of `assigned`: to which generation `owned` belongs. */
  readonly generation?: number;
  readonly partition?: string;
  readonly offsets?: readonly number[];
  readonly error?: string;
}

/** A client whose consumers know groups. */
export interface GroupClient {
  readonly name: string;
  readonly assignors: readonly Assignor[];
  readonly knowsStaticMembers: boolean;
  /** Whether a subscription by pattern finds topics that are created later. */
  readonly looksForTopics: boolean;
  start(options: MemberOptions): Program;
}

const GROUPS = join(import.meta.dirname, 'groups');

/** Those whose toolchain is here. */
export function groupClients(): GroupClient[] {
  const python = pythonWithAllCodecs();
  const pythonClient = (name: string): GroupClient => ({
    name,
    assignors: ['range', 'cooperative-sticky'],
    knowsStaticMembers: true,
    looksForTopics: true,
    start: (options) => startProgram(python!, [join(GROUPS, `${name}.py`), JSON.stringify(options)]),
  });
  const kafkaJs: GroupClient = {
    name: 'kafkajs',
    assignors: ['range'],
    knowsStaticMembers: false,
    looksForTopics: false,
    start: (options) => startProgram(process.execPath, [join(GROUPS, 'kafkajs.mjs'), JSON.stringify(options)]),
  };
  return python === null ? [kafkaJs] : [kafkaJs, pythonClient('kafka-python'), pythonClient('confluent-kafka')];
}

export function eventsOf(program: Program): MemberEvent[] {
  return program
    .lines()
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as MemberEvent);
}
