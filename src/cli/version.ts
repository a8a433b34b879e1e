import { createRequire } from 'node:module';

const { version: text }: { version: string } = createRequire(import.meta.url)('../../package.json');

/** Of this package. */
export const version = text;
