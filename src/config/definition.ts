/** Kafka's config types. `class` and `password` are text; a password is never printed. */
export type ConfigType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'class' | 'password';

/** What a value must be beyond its type, and what else there is to say of a key. */
export interface KeyTraits {
  /** Numbers: bounds, both inclusive; `or` is one more value that is allowed. */
  readonly min?: number;
  readonly max?: number;
  readonly or?: number;
  /** Strings, and the elements of lists. */
  readonly oneOf?: readonly string[];
  readonly ignoreCase?: boolean;
  readonly nonEmpty?: boolean;
  /** `partition:broker,..` or `*`; `earliest`, `latest` or `by_duration:P..`. */
  readonly form?: 'replicas' | 'offset reset';
  /** Broker keys: may be changed while the broker runs (readOnly false). Topic and group keys always may. */
  readonly dynamic?: boolean;
  /** Topic and group keys: the broker key that gives the value where there is no own one. */
  readonly broker?: string;
  /** False: known and answered, but the code does not act on it yet. */
  readonly acts?: false;
  /** One line in our own words; DescribeConfigs, --help and the docs print it. Broker keys without one are not acted on. */
  readonly doc?: string;
}

/** One row of the table. `default` is Kafka's text of it, null where Kafka has none. */
export interface ConfigKey<T extends ConfigType = ConfigType, D extends string | null = string | null> extends KeyTraits {
  readonly type: T;
  readonly default: D;
}

const rowOf =
  <T extends ConfigType>(type: T) =>
  <D extends string | null>(value: D, traits: KeyTraits = {}): ConfigKey<T, D> => ({ ...traits, type, default: value });

export const boolean = rowOf('boolean');
export const string = rowOf('string');
export const int = rowOf('int');
export const short = rowOf('short');
export const long = rowOf('long');
export const double = rowOf('double');
export const list = rowOf('list');
export const className = rowOf('class');
export const password = rowOf('password');
