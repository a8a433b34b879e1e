import { openStoreFile } from '../../src/metadata/sqlite-store.ts';

// A process of its own: opens each store that it is told of, closes it, and says what went wrong, if anything did.
process.on('message', (path: string) => {
  try {
    openStoreFile(path).close();
    process.send!('opened');
  } catch (error) {
    process.send!(String(error));
  }
});
process.send!('loaded');
