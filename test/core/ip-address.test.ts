import { expect, test } from 'vitest';
import { canonicalIp } from '../../src/core/ip-address.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8::0:1', '2001:db8::1'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['fe80::1%eth0', 'fe80::1'],
])('%s is %s', (text, canonical) => {
  expect(canonicalIp(text)).toBe(canonical);
});

test.each(['', 'localhost', '1.2.3', '300.1.1.1', '1.2.3.4.5', '192.0.2.0/24', '[192.0.2', ':::', '0x7f.1', '1.2.3.4 ', '::1\0'])(
  '%j is none',
  (text) => {
    expect(canonicalIp(text)).toBeNull();
  },
);
