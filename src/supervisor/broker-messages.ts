/** What a broker process tells its supervisor. */
export type FromBroker =
  | { readonly kind: 'ready'; readonly listeners: readonly { readonly host: string; readonly port: number }[] }
  /** It could not start: one line that says what to do. */
  | { readonly kind: 'failed'; readonly message: string };

/** What a supervisor tells its broker processes. */
export interface ToBroker {
  readonly kind: 'stop';
}

/** In the environment of a broker process that a supervisor has started. */
export const SUPERVISED = 'MINIKAFKA_SUPERVISED';

/** In the environment of a broker process: JSON of the addresses by broker id under which it dials its peers. For tests that cut these links. */
export const PEERS = 'MINIKAFKA_PEERS';
