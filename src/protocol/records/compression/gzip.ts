import { gunzipSync, gzipSync } from 'node:zlib';
import { type Codec, damaged, tooLarge } from './codec.ts';

export const gzip: Codec = {
  id: 1,
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes),
  decompress(bytes, maxBytes) {
    try {
      return gunzipSync(bytes, { maxOutputLength: maxBytes }); // several members one after the other are read as one stream
    } catch (error) {
      if (error instanceof RangeError) throw tooLarge('gzip', maxBytes);
      throw damaged('gzip');
    }
  },
};
