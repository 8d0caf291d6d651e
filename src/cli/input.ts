import { constants } from 'node:buffer';
import { createReadStream, fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import type { IdentityOptions } from '../index.js';
import { parseJson } from '../json/parse.js';
import { DEFAULT_MAX_DEPTH } from '../json/writer.js';
import { CliError, EXIT, invalidInput, usageError } from './exit-codes.js';
import { counted, printable } from './terminal.js';

/** What V8 can hold as one string, about 512 MB. */
const MAX_HELD_BYTES = constants.MAX_STRING_LENGTH;

/** Heap that one JSON value or member name takes, measured: most in an object of millions of members. */
const HEAP_BYTES_PER_VALUE = 200;
/** A V8 array ends, and the process with it, at 2^27 elements. */
const MAX_VALUES = 100_000_000;

/** One input, not opened yet. */
export interface Input {
  /** What it is called in messages. */
  readonly name: string;
  /** `undefined` for standard input. */
  readonly path: string | undefined;
}

/** The input that the operand FILE names: a path, or `-` for standard input, which is the default. */
export function toInput(file: string | undefined, command: string): Input {
  if (file === '') throw usageError('FILE is empty: wanted a path, or - for standard input');
  if (file !== undefined && file !== '-') return { name: printable(file), path: file };
  // Without this the program would wait for a person who waits for the program.
  if (file === undefined && process.stdin.isTTY) {
    throw usageError(
      `no input: wanted samekey ${command} FILE, or something piped into it (- reads the terminal)`,
    );
  }
  return { name: 'standard input', path: undefined };
}

/** The input's bytes, piece by piece. */
export async function* bytesOf(input: Input): AsyncGenerator<Uint8Array, void, undefined> {
  const stream =
    input.path === undefined
      ? process.stdin
      : createReadStream(input.path, { highWaterMark: 1 << 18 });
  try {
    // Node.js takes a directory there for an empty stream.
    if (input.path === undefined && fstatSync(0).isDirectory()) throw { code: 'EISDIR' };
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreadable(input, error);
  }
}

/** How many bytes there are to come; `undefined` if only time will tell, as of a pipe. */
export async function sizeOf(input: Input): Promise<number | undefined> {
  if (input.path === undefined) {
    const stats = fstatSync(0);
    return stats.isFile() ? stats.size : undefined;
  }
  // If it is not there, reading it says so.
  const stats = await stat(input.path).catch(() => undefined);
  return stats?.isFile() ? stats.size : undefined;
}

const READ_ERRORS: Record<string, string> = {
  EACCES: 'permission to read it is missing',
  EISDIR: 'it is a directory, wanted a file',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links lead in a circle',
  EPERM: 'permission to read it is missing',
};

function unreadable(input: Input, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = READ_ERRORS[code ?? ''] ?? `it cannot be read (${printable(code ?? message)})`;
  return new CliError(EXIT.unreadable, `${input.name}: ${why}`);
}

export function emptyInput(input: Input): CliError {
  return invalidInput(input.name, 'it is empty, which leaves nothing to make a key of');
}

/** All bytes of an input that is not empty, up to what can be held. */
export async function readBytes(input: Input): Promise<Buffer> {
  await refuseBySize(input);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of bytesOf(input)) {
    byteCount += chunk.length;
    if (byteCount > MAX_HELD_BYTES) throw tooLarge(input, undefined);
    chunks.push(chunk);
  }
  if (byteCount === 0) throw emptyInput(input);
  return Buffer.concat(chunks, byteCount);
}

async function refuseBySize({ name, path }: Input): Promise<void> {
  if (path === undefined) return;
  const stats = await stat(path).catch((error) => {
    throw unreadable({ name, path }, error);
  });
  if (stats.isFile() && stats.size > MAX_HELD_BYTES) throw tooLarge({ name, path }, stats.size);
}

function tooLarge({ name }: Input, byteCount: number | undefined): CliError {
  const is = byteCount === undefined ? 'it is' : `its ${counted(byteCount, 'byte')} are`;
  const limit = counted(MAX_HELD_BYTES, 'byte');
  return invalidInput(
    name,
    `${is} more than the ${limit} that can be read as a whole; --raw without --uuid takes any size`,
  );
}

/**
 * The bytes of an input that is to be JSON. `copyCount` is how many values like it the memory has to
 * hold at the same time.
 */
export async function readJson(input: Input, copyCount: number): Promise<Uint8Array> {
  const bytes = await readBytes(input);
  if (bytes.every(isBlank)) throw emptyInput(input);
  refuseMark(bytes, input);
  if (!valuesFit(bytes, copyCount)) {
    const hint = 'NODE_OPTIONS=--max-old-space-size=16000 allows 16 GB';
    throw invalidInput(
      input.name,
      `it has more values than fit safely into the memory of Node.js; ${hint}`,
    );
  }
  return bytes;
}

/** The value in them, read as strictly as `keyOfJson` reads it. */
export function parse(bytes: Uint8Array, { bigNumbers = 'error' }: IdentityOptions): unknown {
  return parseJson(bytes, { maxDepth: DEFAULT_MAX_DEPTH, bigNumbers });
}

/** RFC 8259 §2. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Values and member names of a JSON text, by the characters before them, up to its first error: what
 * is behind that is never read.
 */
function countValues(bytes: Uint8Array): number {
  let count = 1;
  let isInString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x22) isInString = !isInString;
    else if (isInString) i += byte === 0x5c ? 1 : 0;
    else if (byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b) count++;
  }
  return count;
}

/** Whether the values of a JSON text fit into the memory of Node.js, `copyCount` times. */
export function valuesFit(bytes: Uint8Array, copyCount: number): boolean {
  return countValues(bytes) <= maxValuesFor(bytes.length) / copyCount;
}

/** V8 ends the process when the heap is full, so what cannot fit is not begun. */
function maxValuesFor(byteCount: number): number {
  const freeBytes = getHeapStatistics().heap_size_limit * 0.75 - byteCount;
  return Math.min(MAX_VALUES, Math.max(0, freeBytes) / HEAP_BYTES_PER_VALUE);
}

/** What Windows likes to begin a text with. */
function refuseMark(bytes: Buffer, input: Input): void {
  const mark = bytes.toString('hex', 0, 3);
  if (mark === 'efbbbf') {
    throw invalidInput(input.name, 'it begins with a byte order mark: save it as UTF-8 without');
  }
  if (mark.startsWith('fffe') || mark.startsWith('feff')) {
    throw invalidInput(input.name, 'it is UTF-16: save it as UTF-8');
  }
}
