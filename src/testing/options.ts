import type { TopicOptions } from '../index.ts';

/**
 * How a link fails. `silent`: nothing arrives and nobody is told, as when a cable is pulled; what is on its way arrives after the heal.
 * `reset`: connections break at once, and new ones are refused.
 */
export type CutHow = 'silent' | 'reset';

export interface ClusterTopicOptions extends TopicOptions {
  /** Default: default.replication.factor, the smaller of 3 and the number of brokers. */
  readonly replicationFactor?: number;
}

export interface StartClusterOptions {
  /** How many; default 3. Their ids are 1, 2, .. */
  readonly brokers?: number;
  /** `processes` (default): each broker is a process of its own, on disk. `in-process`: all in this one, in memory, ready sooner. */
  readonly mode?: 'processes' | 'in-process';
  /** Of broker 1, 2, ..; with fewer racks than brokers it begins again. */
  readonly racks?: readonly string[];
  /** Topics to begin with; a number is the number of partitions. Those that are there already are left alone. */
  readonly topics?: Readonly<Record<string, number | ClusterTopicOptions>>;
  /** Kafka's broker configs, for all brokers. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Processes only: a folder to keep everything in. Default: a temporary one, gone with `close`. */
  readonly data?: string;
  /**
   * Which links can be cut. `brokers` (default): those between brokers, which then lead through this process. `all`: those of clients too.
   * `none`: neither, for measurements.
   */
  readonly cuttable?: 'brokers' | 'all' | 'none';
  /** What the brokers log at least; processes log to `broker-<id>.log` in the data folder. Default `info` there, nothing in this process. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** How long the start may take; default 30,000. */
  readonly timeoutMs?: number;
}

/** One broker of a cluster, and what can happen to it. */
export interface TestBroker {
  readonly id: number;
  readonly port: number;
  /** `localhost:PORT`. */
  readonly bootstrapServers: string;
  /** Neither killed nor stopped; a paused one runs. */
  readonly running: boolean;
  /** Where it keeps its logs; null in memory. */
  readonly data: string | null;
  /** Ends it as kill -9 does. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Stops it as SIGTERM does: a controlled shutdown. */
  stop(): Promise<void>;
  /** Starts it again, on its data and its port. Resolves when it serves. */
  start(): Promise<void>;
  /** Stops it if it runs, and starts it. */
  restart(): Promise<void>;
  /** Freezes it as SIGSTOP does. Not on Windows. */
  pause(): void;
  resume(): void;
  /**
   * Cuts its link to another broker, both ways; or those of clients to it, which needs `cuttable: 'all'`; or to the metadata store, which can be cut
   * only where all brokers are in one process.
   */
  cutFrom(other: number | 'clients' | 'store', how?: CutHow): void;
  /** Mends its link to another broker, to clients or to the store; without one, all of its links. */
  heal(other?: number | 'clients' | 'store'): void;
}

export interface WaitOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

export interface TestCluster extends AsyncDisposable {
  /** `localhost:PORT,..`: what a client takes. */
  readonly bootstrapServers: string;
  readonly brokers: readonly TestBroker[];
  /** The cluster's folder; null in memory. */
  readonly data: string | null;
  /** @throws RangeError when there is none of that id */
  broker(id: number): TestBroker;
  /** @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_REPLICATION_FACTOR, .. */
  createTopic(name: string, options?: number | ClusterTopicOptions): Promise<void>;
  /**
   * Waits until the in-sync replicas of a partition, or of all partitions of a topic, are these brokers, or so many; without `wanted` all replicas.
   * @throws Error that says what they are, at the timeout
   */
  waitForIsr(topic: string, partition?: number, wanted?: readonly number[] | number, options?: WaitOptions): Promise<void>;
  /** Waits until a partition has a leader that is alive, other than `not`. @returns its id @throws Error at the timeout */
  waitForLeader(topic: string, partition: number, options?: WaitOptions & { readonly not?: number }): Promise<number>;
  /** Waits until a broker is the controller, other than `not`. @returns its id @throws Error at the timeout */
  waitForController(options?: WaitOptions & { readonly not?: number }): Promise<number>;
  /** Ends all brokers and, unless `data` was given, removes what they kept. Calling it twice does nothing more. */
  close(): Promise<void>;
}
