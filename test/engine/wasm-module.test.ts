import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { beforeAll, describe, expect, it } from 'vitest';
import { pattern } from '../vectors/vectors.js';

const file = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url));
/** Each module: the source of its ABI, and the interface that the library uses. */
const MODULES = [
  ['core', 'assembly/index.ts', 'instance.ts', 'WasmExports'],
  ['json', 'assembly/json/index.ts', 'json-instance.ts', 'JsonExports'],
] as const;

/** The names that an `index.ts` exports: the whole ABI, with the memory. */
const abiOf = (index: string) =>
  [
    ...file(index)
      .toString()
      .matchAll(/export \{([^}]*)\}/g),
  ]
    .flatMap(([, names]) => (names as string).split(','))
    .map((name) => name.trim().replace(/^\w+ as /, ''))
    .filter((name) => name !== '')
    .concat('memory')
    .sort();

describe.each(MODULES)('the module %s', (name, index, instance, type) => {
  const release = file(`build/${name}.wasm`);
  const module = new WebAssembly.Module(release);
  const abi = abiOf(index);

  it('imports nothing', () => {
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  it('exports its ABI and nothing else', () => {
    expect(abi.length).toBeGreaterThan(9);
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    expect(names.sort()).toEqual(abi);
  });

  it('has the ABI that the library is written against', () => {
    const text = file(`src/engine/wasm/${instance}`).toString();
    const body = text.slice(text.indexOf(`interface ${type} {`));
    const members = [
      ...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm),
    ];
    expect(members.map(([, member]) => member).sort()).toEqual(abi);
  });

  it('is the same in the library and as a published file', () => {
    const text = file(`src/engine/wasm/module/${name}.generated.ts`).toString();
    expect(text).toContain(`'${release.toString('hex')}'`);
    expect(file(`dist/${name}.wasm`).equals(release)).toBe(true);
  });

  it('has the same ABI in its debug build', () => {
    const { exports } = instantiateSync(file(`build/${name}-debug.wasm`));
    for (const member of abi) expect(exports).toHaveProperty(member);
  });
});

interface JsonKernels {
  readonly memory: WebAssembly.Memory;
  readonly DOCUMENT: WebAssembly.Global;
  document(
    prefix: number,
    prefixBytes: number,
    byteCount: number,
    maxDepth: number,
    options: number,
  ): number;
}

it('memory grows only on request', () => {
  const module = new WebAssembly.Module(file('build/json.wasm'));
  const { exports } = new WebAssembly.Instance(module);
  const { memory, document, DOCUMENT } = exports as unknown as JsonKernels;
  const bytes = new Uint8Array(memory.buffer);
  const start = (Number(DOCUMENT.value) + 15) & ~15;
  // The notes about each member take three times the space of the member.
  const text = Buffer.from(`{${Array.from({ length: 50_000 }, (_, i) => `"${i}":0`).reverse()}}`);
  const put = () => new Uint8Array(memory.buffer).set(text, start);
  put();
  expect(document(start, 0, text.length, 1000, 0)).toBe(1);
  expect(memory.buffer).toBe(bytes.buffer);
  put();
  expect(document(start, 0, text.length, 1000, 2)).toBe(3);
  expect(memory.buffer).not.toBe(bytes.buffer);
});

/** The debug build, with its assertions, loaded by AssemblyScript's own loader. */
interface Kernels extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  readonly DIGEST: WebAssembly.Global;
  readonly TEXT: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_BYTES: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly OUTPUT_BYTES: WebAssembly.Global;
  readonly SLOT_COUNT: WebAssembly.Global;
  readonly JOBS: WebAssembly.Global;
  sha256(ptr: number, byteCount: number): void;
  sha1Begin(): void;
  sha1Blocks(ptr: number, blockCount: number): void;
  sha1Finish(ptr: number, byteCount: number, totalBytes: number): void;
  hasherOpen(slot: number): void;
  hashersUpdate(jobCount: number): void;
  hasherDigest(slot: number): void;
  digestHex(): void;
  escapeJson(ptr: number, byteCount: number, out: number): number;
}

let kernels: Kernels;
let memory: Uint8Array;
let input: number;
let output: number;

beforeAll(() => {
  kernels = instantiateSync<Kernels>(file('build/core-debug.wasm')).exports;
  memory = new Uint8Array(kernels.memory.buffer);
  input = Number(kernels.INPUT.value);
  output = Number(kernels.OUTPUT.value);
});

const hex = (at: number, byteCount: number) =>
  Buffer.from(memory.slice(at, at + byteCount)).toString('hex');
const digest = (byteCount: number) => hex(Number(kernels.DIGEST.value), byteCount);
const hash = (algorithm: string, content: Uint8Array) =>
  createHash(algorithm).update(content).digest('hex');

describe('the kernels of the debug build', () => {
  it('sha256 pads in place, at any address', () => {
    for (let byteCount = 0; byteCount <= 200; byteCount++) {
      for (const offset of [0, 1, 7, 15]) {
        const content = pattern(byteCount);
        // The bytes behind the message must not matter.
        memory.fill(0xa5, input, input + 512);
        memory.set(content, input + offset);
        kernels.sha256(input + offset, byteCount);
        expect(digest(32), `${byteCount} bytes`).toBe(hash('sha256', content));
      }
    }
  });

  it('sha256 takes as much as there is room for', () => {
    const byteCount = Number(kernels.INPUT_BYTES.value);
    const content = pattern(byteCount);
    for (const length of [byteCount - 64, byteCount - 9, byteCount - 1, byteCount]) {
      memory.set(content.subarray(0, length), input);
      kernels.sha256(input, length);
      expect(digest(32)).toBe(hash('sha256', content.subarray(0, length)));
      kernels.digestHex();
      const text = Buffer.from(memory.slice(Number(kernels.TEXT.value)).subarray(0, 64));
      expect(text.toString('latin1')).toBe(hash('sha256', content.subarray(0, length)));
    }
  });

  it('sha1 takes blocks, then the rest', () => {
    for (let byteCount = 0; byteCount <= 200; byteCount++) {
      for (const blockCount of [0, 1, 2].filter((count) => count * 64 <= byteCount)) {
        const content = pattern(byteCount);
        memory.fill(0xa5, input, input + 512);
        memory.set(content, input);
        kernels.sha1Begin();
        kernels.sha1Blocks(input, blockCount);
        kernels.sha1Finish(input + 64 * blockCount, byteCount - 64 * blockCount, byteCount);
        expect(digest(20), `${byteCount} bytes`).toBe(hash('sha1', content));
      }
    }
  });

  it('hashers in the first and the last slot do not touch each other, or anything else', () => {
    const last = Number(kernels.SLOT_COUNT.value) - 1;
    const slots = [0, 1, last - 1, last];
    const contents = slots.map((slot) => pattern(1000).map((byte) => byte ^ slot));
    const beyond = Number(kernels.INPUT.value);
    memory.fill(0x5a, beyond, beyond + 64);
    for (const slot of slots) kernels.hasherOpen(slot);
    for (let at = 0; at < 1000; at += 100) {
      for (const [i, slot] of slots.entries()) {
        memory.set((contents[i] as Uint8Array).subarray(at, at + 100), output);
        new Uint32Array(memory.buffer, Number(kernels.JOBS.value), 3).set([output, 100, slot]);
        kernels.hashersUpdate(1);
      }
    }
    expect([...memory.subarray(beyond, beyond + 64)].every((byte) => byte === 0x5a)).toBe(true);
    for (const [i, slot] of slots.entries()) {
      kernels.hasherDigest(slot);
      expect(digest(32)).toBe(hash('sha256', contents[i] as Uint8Array));
    }
  });
});

describe('escapeJson', () => {
  /** Escapes in WASM memory, with rubbish all around. */
  function escaped(text: string | Uint8Array): Buffer {
    const bytes = Buffer.from(text as string);
    memory.fill(0x22, input, input + bytes.length + 64);
    memory.fill(0x22, output, output + 6 * bytes.length + 64);
    memory.set(bytes, input);
    const end = kernels.escapeJson(input, bytes.length, output);
    return Buffer.from(memory.slice(output, end));
  }

  const expected = (text: string) => JSON.stringify(text).slice(1, -1);

  it('escapes every ASCII character at every place in a vector', () => {
    for (let code = 0; code < 128; code++) {
      const char = String.fromCharCode(code);
      for (let before = 0; before < 34; before++) {
        for (const after of [0, 1, 15, 16]) {
          const text = 'x'.repeat(before) + char + 'y'.repeat(after);
          if (escaped(text).toString() !== expected(text))
            expect.unreachable(`${code} at ${before}`);
        }
      }
    }
  });

  it('lets every other byte through at every place', () => {
    for (let byte = 128; byte < 256; byte++) {
      for (let before = 0; before < 17; before++) {
        const bytes = new Uint8Array(33).fill(0x61);
        bytes[before] = byte;
        expect(escaped(bytes).equals(bytes)).toBe(true);
      }
    }
  });

  it('escapes what stands side by side', () => {
    const chars = ['"', '\\', '\n', '\u0001', 'a', 'é', '東', '🧳'];
    for (const a of chars) {
      for (const b of chars) {
        for (const text of [a + b, (a + b).repeat(20), `${'x'.repeat(15)}${a}${b}`]) {
          if (escaped(text).toString() !== expected(text)) expect.unreachable(JSON.stringify(text));
        }
      }
    }
  });

  it('has room for the worst: nothing but control characters', () => {
    const text = '\u0001'.repeat(Number(kernels.INPUT_BYTES.value));
    const end = kernels.escapeJson(input, 0, output);
    expect(end).toBe(output);
    memory.fill(1, input, input + text.length);
    const written = kernels.escapeJson(input, text.length, output) - output;
    expect(written).toBe(6 * text.length);
    expect(written).toBeLessThan(Number(kernels.OUTPUT_BYTES.value));
  });
});
