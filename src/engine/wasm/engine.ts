import type { Engine } from '../engine.js';
import { asciiText, encoder, pieceOf } from '../utf8.js';
import { Arena } from './arena.js';
import { SCRATCH_SLOT, WasmHashers, WasmSha256 } from './hasher.js';
import type { Wasm } from './instance.js';
import { WasmPack } from './pack.js';

const UUID_BYTES = 16;

/** Creates the engine on one instance of the module. */
export function createWasmEngine(wasm: Wasm): Engine {
  const { call, at, bytes: memory } = wasm;
  const arena = new Arena();
  const hashers = new WasmHashers(wasm, arena);
  const input = memory.subarray(at.input, at.input + at.inputBytes);
  const name = input.subarray(UUID_BYTES);
  const digest: Uint8Array<ArrayBuffer> & { toHex?: () => string } = memory.subarray(
    at.digest,
    at.digest + 32,
  ) as Uint8Array<ArrayBuffer>;
  // Another program's library may have set one on `Object.prototype`.
  const hasHex = Object.hasOwn(Uint8Array.prototype, 'toHex');
  let lastPrefix = '';
  let hexText = memory.subarray(at.text, at.text + 64);
  const uuidText = memory.subarray(at.text, at.text + 36);

  /** Writes the SHA-256 of `bytes[start, end)` to DIGEST. */
  function digestOf(bytes: Uint8Array, start: number, end: number): void {
    if (bytes === memory) {
      // Canonical JSON is digested in place. OUTPUT has space for the padding.
      call.sha256(start, end - start);
      return;
    }
    if (end - start <= at.inputBytes) {
      memory.set(
        start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end),
        at.input,
      );
      call.sha256(at.input, end - start);
      return;
    }
    call.hasherOpen(SCRATCH_SLOT);
    hashers.feed(SCRATCH_SLOT, bytes, start, end);
    call.hasherDigest(SCRATCH_SLOT);
  }

  /**
   * Returns `prefix` and DIGEST in hexadecimal, decoded in one call; the prefix stays in memory.
   */
  function textOfDigest(prefix: string): string {
    // Where it exists, it takes 70 ns in Chromium and workerd; a decoder takes 220 to 280.
    if (hasHex && digest.toHex) return prefix + digest.toHex();
    if (prefix !== lastPrefix) {
      if (prefix.length > at.prefixBytes) return prefix + textOfDigest('');
      const from = at.text - prefix.length;
      encoder.encodeInto(prefix, memory.subarray(from, at.text));
      hexText = memory.subarray(from, at.text + 64);
      lastPrefix = prefix;
    }
    call.digestHex();
    return asciiText(hexText);
  }

  /** Writes the SHA-1 of the `held` bytes at INPUT followed by `content` to DIGEST. */
  function sha1(held: number, content: Uint8Array): void {
    call.sha1Begin();
    let from = 0;
    let ahead = held;
    while (ahead + content.length - from > at.inputBytes) {
      const to = from + at.inputBytes - ahead;
      memory.set(content.subarray(from, to), at.input + ahead);
      call.sha1Blocks(at.input, at.inputBytes / 64);
      from = to;
      ahead = 0;
    }
    memory.set(from === 0 ? content : content.subarray(from), at.input + ahead);
    call.sha1Finish(at.input, ahead + content.length - from, held + content.length);
  }

  return {
    name: 'wasm',
    simd: true,
    sha256(bytes, start, end) {
      digestOf(bytes, start, end);
      return digest.slice();
    },
    sha256Hex(bytes, start, end, prefix) {
      digestOf(bytes, start, end);
      return textOfDigest(prefix);
    },
    sha256HexOfText(text, prefix) {
      // A UTF-16 code unit takes at most three bytes of UTF-8.
      if (text.length * 3 <= at.inputBytes) {
        call.sha256(at.input, encoder.encodeInto(text, input).written);
      } else {
        call.hasherOpen(SCRATCH_SLOT);
        for (let from = 0; from < text.length; ) {
          const { read, written } = encoder.encodeInto(pieceOf(text, from, at.inputBytes), input);
          hashers.feedAt(SCRATCH_SLOT, at.input, written);
          from += read;
        }
        call.hasherDigest(SCRATCH_SLOT);
      }
      return textOfDigest(prefix);
    },
    sha1(bytes) {
      sha1(0, bytes);
      return memory.slice(at.digest, at.digest + 20);
    },
    uuidv5(namespace, content) {
      // Sixteen stores are 1.3 times as fast as a `set`.
      for (let i = 0; i < UUID_BYTES; i++) memory[at.input + i] = namespace[i] as number;
      if (typeof content === 'string' && content.length * 3 <= name.length) {
        const byteCount = UUID_BYTES + encoder.encodeInto(content, name).written;
        call.sha1Begin();
        call.sha1Finish(at.input, byteCount, byteCount);
      } else {
        sha1(UUID_BYTES, typeof content === 'string' ? encoder.encode(content) : content);
      }
      call.digestUuid();
      return asciiText(uuidText);
    },
    lanes: {
      areFastest: () => true,
      open: (prefix, results) => new WasmPack(wasm, arena, prefix, results),
    },
    createSha256: () => new WasmSha256(hashers),
    restoreSha256: (saved) => new WasmSha256(hashers, saved),
  };
}
