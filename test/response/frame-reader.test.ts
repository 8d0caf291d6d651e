import { crc32 } from 'node:zlib';
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../src/response/frame-reader.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const codec = new EventStreamCodec(
  (text) => (typeof text === 'string' ? text : decoder.decode(text as Uint8Array)),
  (text) => encoder.encode(text),
);

const frame = (name: string, payload: string) =>
  codec.encode({
    headers: {
      ':event-type': { type: 'string', value: name },
      // All types of headers of the format.
      isTrue: { type: 'boolean', value: true },
      isFalse: { type: 'boolean', value: false },
      byte: { type: 'byte', value: 7 },
      short: { type: 'short', value: 300 },
      integer: { type: 'integer', value: 70_000 },
      binary: { type: 'binary', value: encoder.encode('bytes') },
      time: { type: 'timestamp', value: new Date(1_790_000_000_000) },
      ':content-type': { type: 'string', value: 'application/json' },
    },
    body: encoder.encode(payload),
  });

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const STREAM = join(frame('messageStart', '{"role":"é"}'), frame('empty', ''), frame('end', '{}'));

function read(bytes: Uint8Array, size: number) {
  const frames: unknown[] = [];
  const reader = new FrameReader((headers, payload) =>
    frames.push([headers[':event-type'], headers[':content-type'], decoder.decode(payload)]),
  );
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, at + size);
    reader.see(chunk);
    // Another reader of the response may change its bytes.
    chunk.fill(0);
  }
  return { frames, isOpen: reader.isOpen, isMalformed: reader.isMalformed };
}

const FRAMES = [
  ['messageStart', 'application/json', '{"role":"é"}'],
  ['empty', 'application/json', ''],
  ['end', 'application/json', '{}'],
];

describe('FrameReader', () => {
  it('reads the frames of the encoder of AWS, wherever the chunks end', () => {
    for (const size of [1, 5, 12, 16, 100, STREAM.length]) {
      expect(read(STREAM, size)).toEqual({ frames: FRAMES, isOpen: false, isMalformed: false });
    }
  });

  it('knows a stream that is cut anywhere', () => {
    const ends = new Set([0, frame('messageStart', '{"role":"é"}').length, STREAM.length]);
    ends.add(STREAM.length - frame('end', '{}').length);
    for (let end = 0; end <= STREAM.length; end++) {
      const { isOpen, isMalformed } = read(STREAM.subarray(0, end), 9);
      expect([end, isOpen, isMalformed]).toEqual([end, !ends.has(end), false]);
    }
  });

  it('finds every changed byte, and reads nothing after it', () => {
    const first = frame('messageStart', '{"role":"é"}');
    for (let at = 0; at < first.length; at++) {
      const changed = join(first, frame('end', '{}'));
      changed[at] = (changed[at] as number) ^ 0x10;
      const { frames, isMalformed } = read(changed, 11);
      expect([at, isMalformed, frames]).toEqual([at, true, []]);
    }
  });

  /** The beginning of a message, with the right checksum of its lengths. */
  function prelude(messageBytes: number, headerBytes: number): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, messageBytes);
    view.setUint32(4, headerBytes);
    view.setUint32(8, crc32(bytes.subarray(0, 8)));
    view.setUint32(12, crc32(bytes.subarray(0, 12)));
    return bytes;
  }

  it.each([
    ['is shorter than its lengths', 15, 0],
    ['is 0 bytes long', 0, 0],
    ['has more headers than bytes', 16, 1],
    ['is longer than any of AWS', 24 * 1024 * 1024 + 1, 0],
    ['has headers of 4 GB', 1000, 0xffff_ffff],
  ])('refuses a message that %s, before it waits for the rest', (_, messageBytes, headerBytes) => {
    expect(read(prelude(messageBytes, headerBytes), 16)).toMatchObject({ isMalformed: true });
  });

  it('reads a message without headers and payload, and waits for a long one', () => {
    expect(read(prelude(16, 0), 16)).toEqual({
      frames: [[undefined, undefined, '']],
      isOpen: false,
      isMalformed: false,
    });
    expect(read(prelude(24 * 1024 * 1024, 0), 16)).toMatchObject({
      isOpen: true,
      isMalformed: false,
    });
  });
});
