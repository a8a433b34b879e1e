// kafkajs has gzip alone and takes other codecs as plug-ins: these are made of npm packages, apart from what the broker does with them.
import zstd from '@bokuweb/zstd-wasm';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import snappy from 'snappy';

const XERIAL_HEAD = Buffer.from('82534e41505059000000000100000001', 'hex');
const XERIAL_MAGIC_BYTES = 8;

/** Blocks behind their lengths, in xerial's framing; librdkafka writes one raw block. */
async function unsnappy(bytes) {
  if (!bytes.subarray(0, XERIAL_MAGIC_BYTES).equals(XERIAL_HEAD.subarray(0, XERIAL_MAGIC_BYTES))) return snappy.uncompress(bytes);
  const plain = [];
  for (let at = XERIAL_HEAD.byteLength; at < bytes.byteLength; ) {
    const end = at + 4 + bytes.readInt32BE(at);
    plain.push(await snappy.uncompress(bytes.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(plain);
}

async function toSnappy(bytes) {
  const block = await snappy.compress(bytes);
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.byteLength);
  return Buffer.concat([XERIAL_HEAD, length, block]);
}

export async function registerCodecs() {
  await zstd.init();
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => ({ compress: ({ buffer }) => toSnappy(buffer), decompress: unsnappy });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }) => lz4.compressFrame(buffer),
    decompress: (buffer) => lz4.decompressFrame(buffer),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }) => Buffer.from(zstd.compress(buffer)),
    decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
  });
}
