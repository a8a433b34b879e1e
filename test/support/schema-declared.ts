import { existsSync, readdirSync } from 'node:fs';
import { APIS } from '../../src/protocol/messages/index.ts';
import type { Message } from '../../src/protocol/schema.ts';
import { type KafkaMessage, kafkaMessages } from './schema-files.ts';

/** A message as the project declares it, beside Kafka's own definition of it, if Kafka has one. */
export interface DeclaredMessage {
  readonly message: Message;
  readonly kafka: KafkaMessage | undefined;
}

/** Every message that the project declares: requests, responses, and what the internal topics hold. */
export async function declaredMessages(): Promise<DeclaredMessage[]> {
  const api = kafkaMessages('api');
  const records = kafkaMessages('records');
  return [
    ...APIS.flatMap((each): Message[] => [each.request, each.response]).map((message) => ({ message, kafka: api.get(message.name) })),
    ...(await internalMessages()).map((message) => ({ message, kafka: records.get(message.name) ?? api.get(message.name) })),
  ];
}

async function internalMessages(): Promise<Message[]> {
  const folder = new URL('../../src/protocol/messages/internal/', import.meta.url);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href) as Promise<Record<string, unknown>>));
  const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && 'fields' in value;
  return [...new Set(modules.flatMap((module) => Object.values(module)).filter(isMessage))];
}
