import { KafkaError } from '../core/errors.ts';
import { type ConfigResource, configKey, topicKey } from './keys.ts';
import { type Cond, MAX_VALUE_BYTES, type MetadataStore, type Rev } from './store.ts';
import { encodeValue, parseConfigs } from './values.ts';
import { read, untilNoConflict, write } from './writes.ts';

/**
 * Replaces what is set for a resource by `change` of what is set now. `change` may be called again when somebody else writes at the same time;
 * what it throws (INVALID_CONFIG, say) ends the call with nothing written.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION for a topic that does not exist
 */
export function alterConfigs(
  store: MetadataStore,
  resource: ConfigResource,
  change: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
): Promise<{ revision: Rev }> {
  const key = configKey(resource);
  return untilNoConflict(async () => {
    const conds: Cond[] = resource.type === 'topic' ? [await topicExists(store, resource.name)] : [];
    const { kv } = await read(store, key);
    const next = change(kv ? parseConfigs(key, kv.value) : new Map());
    conds.push({ key, rev: kv?.rev ?? 0 });
    const { ok, rev } = await write(store, conds, [next.size > 0 ? { put: key, value: encodeConfigs(next) } : { del: key }]);
    return ok ? { revision: rev } : undefined;
  });
}

/** The configs of a topic that is deleted meanwhile must not outlive it, to be found by the next topic of that name. */
async function topicExists(store: MetadataStore, name: string): Promise<Cond> {
  const key = topicKey(name);
  const { kv } = await read(store, key);
  if (!kv) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`);
  return { key, rev: kv.rev };
}

/** @throws KafkaError INVALID_CONFIG when they do not fit in one value of the store */
export function encodeConfigs(configs: ReadonlyMap<string, string>): Uint8Array {
  const value = encodeValue(Object.fromEntries(configs));
  if (value.byteLength <= MAX_VALUE_BYTES) return value;
  throw new KafkaError('INVALID_CONFIG', `The configs of one resource take ${value.byteLength} bytes, more than ${MAX_VALUE_BYTES}.`);
}
