import { describe, expect, it } from 'vitest';
import { byteSize } from '../../src/text/byte-size.js';

describe('byteSize', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [189, '189 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 KB'],
    [9_949, '9.9 KB'],
    [9_960, '10 KB'],
    [999_499, '999 KB'],
    [999_600, '1.0 MB'],
    [12_345_678, '12 MB'],
    [999_500_000, '1.0 GB'],
    [4_000_000_000, '4.0 GB'],
    [2e12, '2.0 TB'],
    // A rate has fractions of a byte.
    [12.7, '13 bytes'],
    [0.6, '1 byte'],
    [999.7, '1.0 KB'],
  ])('formats %d as %s', (byteCount, text) => {
    expect(byteSize(byteCount)).toBe(text);
  });

  it('has at most three digits, and one behind the point only below ten', () => {
    for (let byteCount = 1; byteCount < 1e14; byteCount = byteCount * 1.003 + 0.1) {
      expect(byteSize(byteCount)).toMatch(/^(\d{1,3} byte|[1-9]\.\d [KMGT]B|[1-9]\d{1,2} [KMGT]B)/);
    }
  });
});
