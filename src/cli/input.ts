import { constants } from 'node:buffer';
import { createReadStream, fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import type { IdentityOptions } from '../index.js';
import { parseJson } from '../json/parse.js';
import { DEFAULT_MAX_DEPTH } from '../json/writer.js';
import { CliError, EXIT, invalidInput, usageError } from './exit-codes.js';
import { counted, printable } from './terminal.js';

/** V8's limit of one string, about 512 MB. */
const MAX_INPUT_BYTES = constants.MAX_STRING_LENGTH;

/** Measured heap of one JSON value or member name. An object with millions of members takes the most. */
const HEAP_BYTES_PER_VALUE = 200;
/** V8 aborts the process when an array reaches 2^27 elements. */
const MAX_VALUES = 100_000_000;

/** An input that is not opened yet. */
export interface Input {
  /** Its name in messages. */
  readonly name: string;
  /** `undefined` for standard input. */
  readonly path: string | undefined;
}

/** Returns the input of the argument FILE: a path, or `-` or nothing for standard input. */
export function toInput(file: string | undefined, command: string): Input {
  if (file === '') throw usageError('FILE is empty: wanted a path, or - for standard input');
  if (file !== undefined && file !== '-') return { name: printable(file), path: file };
  // On a terminal without FILE, the program would wait silently for input.
  if (file === undefined && process.stdin.isTTY) {
    throw usageError(
      `no input: wanted samekey ${command} FILE, or a pipe into it (- reads the terminal)`,
    );
  }
  return { name: 'standard input', path: undefined };
}

/** Yields the bytes of the input in chunks. */
export async function* bytesOf(input: Input): AsyncGenerator<Uint8Array, void, undefined> {
  const stream =
    input.path === undefined
      ? process.stdin
      : createReadStream(input.path, { highWaterMark: 1 << 18 });
  try {
    // Node.js reads a directory on standard input as an empty stream.
    if (input.path === undefined && fstatSync(0).isDirectory()) throw { code: 'EISDIR' };
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreadable(input, error);
  }
}

/** Returns the size of the input in bytes; `undefined` for a pipe. */
export async function sizeOf(input: Input): Promise<number | undefined> {
  if (input.path === undefined) {
    const stats = fstatSync(0);
    return stats.isFile() ? stats.size : undefined;
  }
  // Reading a missing file reports the error.
  const stats = await stat(input.path).catch(() => undefined);
  return stats?.isFile() ? stats.size : undefined;
}

const READ_ERRORS: Record<string, string> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory, wanted a file',
  ENOENT: 'no such file',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links form a loop',
  EPERM: 'permission denied',
};

function unreadable(input: Input, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = READ_ERRORS[code ?? ''] ?? `it cannot be read (${printable(code ?? message)})`;
  return new CliError(EXIT.unreadable, `${input.name}: ${reason}`);
}

export function emptyInput(input: Input): CliError {
  return invalidInput(input.name, 'it is empty, so there is nothing to derive a key from');
}

/** Reads the whole input, which must be neither empty nor too large for memory. */
export async function readBytes(input: Input): Promise<Buffer> {
  await refuseBySize(input);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of bytesOf(input)) {
    byteCount += chunk.length;
    if (byteCount > MAX_INPUT_BYTES) throw tooLarge(input, undefined);
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
  if (stats.isFile() && stats.size > MAX_INPUT_BYTES) throw tooLarge({ name, path }, stats.size);
}

function tooLarge({ name }: Input, byteCount: number | undefined): CliError {
  const size = byteCount === undefined ? 'it is' : `its ${counted(byteCount, 'byte')} are`;
  const limit = counted(MAX_INPUT_BYTES, 'byte');
  return invalidInput(
    name,
    `${size} more than the ${limit} that can be read as a whole; --raw without --uuid accepts any size`,
  );
}

/** Reads an input that must be JSON. `copyCount` is the number of copies that memory has to hold. */
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

/** Parses JSON as strictly as `keyOfJson` does with this identity. */
export function parse(bytes: Uint8Array, { bigNumbers = 'error' }: IdentityOptions): unknown {
  return parseJson(bytes, { maxDepth: DEFAULT_MAX_DEPTH, bigNumbers });
}

/** RFC 8259 §2. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Counts values and member names by the characters before them. The count is right up to the first
 * syntax error, and a parser stops there.
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

/** Whether `copyCount` copies of the values of a JSON text fit into the memory of Node.js. */
export function valuesFit(bytes: Uint8Array, copyCount: number): boolean {
  return countValues(bytes) <= maxValuesFor(bytes.length) / copyCount;
}

/** V8 aborts the process when the heap is full, so a text that cannot fit must be refused before. */
function maxValuesFor(byteCount: number): number {
  const freeBytes = getHeapStatistics().heap_size_limit * 0.75 - byteCount;
  return Math.min(MAX_VALUES, Math.max(0, freeBytes) / HEAP_BYTES_PER_VALUE);
}

/** Refuses a byte order mark, which programs on Windows often write. */
function refuseMark(bytes: Buffer, input: Input): void {
  const mark = bytes.toString('hex', 0, 3);
  if (mark === 'efbbbf') {
    throw invalidInput(input.name, 'it begins with a byte order mark, wanted UTF-8 without one');
  }
  if (mark.startsWith('fffe') || mark.startsWith('feff')) {
    throw invalidInput(input.name, 'it is UTF-16, wanted UTF-8');
  }
}
