import { compile } from '../../protocol/codec.ts';
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../protocol/messages/internal/consumer-protocol.ts';
import type { Decoded, Fields, Message } from '../../protocol/schema.ts';
import { DecodeError, Reader } from '../../protocol/wire.ts';

export interface AssignedTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** @returns null for what is no assignment of consumers; none for a member that has no assignment yet */
export function decodeAssignment(bytes: Uint8Array): AssignedTopic[] | null {
  if (bytes.byteLength === 0) return [];
  return decodeVersioned(ConsumerProtocolAssignment, bytes)?.assignedPartitions ?? null;
}

/** The topics that a consumer subscribed to; null for what is no subscription. */
export function decodeSubscription(bytes: Uint8Array): string[] | null {
  return decodeVersioned(ConsumerProtocolSubscription, bytes)?.topics ?? null;
}

/** A version that is not known yet is read as the last one that is: fields are only ever added at the end. */
function decodeVersioned<S extends Fields>(message: Message<S>, bytes: Uint8Array): Decoded<S> | null {
  try {
    const reader = new Reader(bytes);
    const version = reader.int16();
    if (version < message.versions[0]) return null;
    return compile(message, Math.min(version, message.versions[1])).decode(reader);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
