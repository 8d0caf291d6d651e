/** Frames of an `application/vnd.amazon.eventstream`: in chunks, as a whole, and by the codec of AWS. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { eventPayloads } from '../../../src/providers/bedrock.js';
import { FrameReader } from '../../../src/response/frame-reader.js';
import { cut, withChoices } from '../chunks.js';

export const seeds = [
  // Two headers, one of them text, and a payload.
  '\x01\x03\x1c\x08\x0b:event-type\x07\x00\x05chunk\x04byte\x02\x07\x01\x02{"a":1}\x00\x02{}',
  '\x01\x01\x16\x02\x0d:message-type\x07\x00\x05error{}',
  '\x01\x01\x09\x00\x01a\x06\x00\x02xy\x01b\x00',
  '\x00\x02\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff',
];

type Frames = readonly (readonly [headers: Readonly<Record<string, string>>, payload: string])[];

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** After the choices: bytes as they are, or the parts of frames that get lengths and checksums. */
export function fuzz(input: Uint8Array): void {
  const [isBuilt, choice, rest] = withChoices(input, 2) as [number, number, Uint8Array];
  const body = isBuilt % 2 === 1 ? framesOf(rest) : rest;
  const whole = read([body]);
  assert.deepEqual(read(cut(body, choice)), whole);
  if (isBuilt % 2 === 1) assert.ok(!whole.isMalformed && !whole.isOpen);
  // Without checksums, the payloads are the same as far as the checksums are right.
  const payloads = [...eventPayloads(body)].map(textOf);
  assert.deepEqual(
    payloads.slice(0, whole.frames.length),
    whole.frames.map(([, payload]) => payload),
  );
  expectSameAsCodec(body, whole.frames);
}

function read(chunks: readonly Uint8Array[]) {
  const frames: [Readonly<Record<string, string>>, string][] = [];
  const reader = new FrameReader((headers, payload) => frames.push([headers, textOf(payload)]));
  for (const chunk of chunks) reader.see(chunk);
  return {
    frames: frames as Frames,
    isMalformed: reader.isMalformed,
    // Nothing behind a wrong frame can be read, so its bytes are not counted.
    isOpen: !reader.isMalformed && reader.isOpen,
  };
}

/** Makes frames of: the bytes of the headers, the bytes of the payload, headers, payload, … */
function framesOf(parts: Uint8Array): Uint8Array {
  const frames: Buffer[] = [];
  for (let at = 0; at + 2 <= parts.length; ) {
    const headers = parts.subarray(at + 2, at + 2 + (parts[at] as number));
    const payloadAt = at + 2 + headers.length;
    const payload = parts.subarray(payloadAt, payloadAt + (parts[at + 1] as number));
    at = payloadAt + payload.length;
    const prelude = Buffer.alloc(12);
    prelude.writeUInt32BE(16 + headers.length + payload.length, 0);
    prelude.writeUInt32BE(headers.length, 4);
    prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
    const message = Buffer.concat([prelude, headers, payload]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(message), 0);
    frames.push(message, checksum);
  }
  return Buffer.concat(frames);
}

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes as Uint8Array),
  (text) => new TextEncoder().encode(text),
);

/** Each frame that the codec of AWS takes has the same headers and the same payload here. */
function expectSameAsCodec(body: Uint8Array, frames: Frames): void {
  let at = 0;
  for (const [headers, payload] of frames) {
    const message = body.slice(at, at + Buffer.from(body).readUInt32BE(at));
    at += message.length;
    let decoded: ReturnType<typeof codec.decode>;
    try {
      decoded = codec.decode(message);
      // It reads a header that is too long for the headers into the payload.
      if (!Buffer.from(codec.encode(decoded)).equals(message)) continue;
    } catch {
      continue;
    }
    assert.equal(textOf(decoded.body), payload);
    const texts = Object.entries(decoded.headers)
      .filter(([, { type }]) => type === 'string')
      .map(([name, { value }]) => [name, value]);
    assert.deepEqual({ ...headers }, Object.fromEntries(texts));
  }
}
