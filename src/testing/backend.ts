/** How the brokers of a test's cluster are run: as processes, or all in this one. */
export interface Backend {
  /** The cluster's folder; null in memory. */
  readonly data: string | null;
  /** Resolves when all serve. */
  startAll(): Promise<void>;
  /** Where it listens, or did; null before its first start. */
  port(brokerId: number): number | null;
  running(brokerId: number): boolean;
  start(brokerId: number): Promise<void>;
  stop(brokerId: number): Promise<void>;
  kill(brokerId: number): Promise<void>;
  pause(brokerId: number): void;
  resume(brokerId: number): void;
  /** Cuts a broker off from the metadata store, or mends that. @throws Error where that cannot be done */
  cutStore(brokerId: number, isCut: boolean): void;
  /** Ends all and removes what is temporary. */
  close(): Promise<void>;
}
