import { isAbsolute } from 'node:path';
import { rolldown } from 'rolldown';
const build = await rolldown({ input: 'test/simulation/main.ts', platform: 'node', transform: { target: 'node20' }, external: (id) => !id.startsWith('.') && !isAbsolute(id) });
await build.write({ file: process.argv[2], format: 'esm', codeSplitting: false });
await build.close();
