import { constants as bufferConstants } from 'node:buffer';
import { createReadStream, fstatSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import type { IdentityOptions } from '../index.js';
import { parseJson } from '../json/parse.js';
import { DEFAULT_MAX_DEPTH } from '../json/writer.js';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { CliError, EXIT, invalidInput, usageError } from './exit-codes.js';

/** V8's limit of one string, about 512 MB. */
const MAX_INPUT_BYTES = bufferConstants.MAX_STRING_LENGTH;

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

/** How many bytes the longest mark has. */
const MARK_BYTES = 3;

/**
 * Yields the bytes of an input that is text. A byte order mark at its beginning, which programs on
 * Windows often write, is left out. UTF-16 is refused.
 */
export async function* textBytesOf(input: Input): AsyncGenerator<Uint8Array, void, undefined> {
  // A pipe may deliver the mark in parts.
  let start: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of bytesOf(input)) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    if (start.length < MARK_BYTES) continue;
    yield withoutMark(start, input);
    start = undefined;
  }
  if (start !== undefined && start.length > 0) yield withoutMark(start, input);
}

function withoutMark(bytes: Uint8Array, input: Input): Uint8Array {
  const mark = Buffer.from(bytes.subarray(0, MARK_BYTES)).toString('hex');
  if (mark.startsWith('fffe') || mark.startsWith('feff')) {
    throw invalidInput(input.name, 'it is UTF-16, wanted UTF-8');
  }
  return mark === 'efbbbf' ? bytes.subarray(MARK_BYTES) : bytes;
}

/** Refuses an input that cannot be opened, before anything is done. */
export async function requireReadable(input: Input): Promise<void> {
  if (input.path === undefined) return;
  try {
    await access(input.path, constants.R_OK);
    if ((await stat(input.path)).isDirectory()) throw { code: 'EISDIR' };
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

export function emptyInput(
  input: Input,
  consequence = ', so there is nothing to derive a key from',
): CliError {
  return invalidInput(input.name, `it is empty${consequence}`);
}

/** Reads the whole input, which must be neither empty nor too large for memory. */
export async function readBytes(input: Input): Promise<Buffer> {
  return readAll(input, bytesOf(input));
}

/** Reads a whole text, without a byte order mark. It must be neither empty nor too large for memory. */
export async function readText(input: Input, consequence?: string): Promise<Buffer> {
  return readAll(input, textBytesOf(input), consequence);
}

/** Returns the file that a flag or a variable names. */
export function toFile(path: string, flag: string): Input & { readonly path: string } {
  if (path !== '') return { name: printable(path), path };
  throw usageError(`${flag} is empty, as after an unset variable; wanted the name of a file`);
}

/** Reads a file of settings, which must be a JSON object. */
export function readSettings(path: string, flag: string): Promise<Buffer> {
  return readText(toFile(path, flag), ', wanted a JSON object');
}

async function readAll(
  input: Input,
  pieces: AsyncIterable<Uint8Array>,
  consequence?: string,
): Promise<Buffer> {
  await refuseBySize(input);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of pieces) {
    byteCount += chunk.length;
    if (byteCount > MAX_INPUT_BYTES) throw tooLarge(input, undefined);
    chunks.push(chunk);
  }
  if (byteCount === 0) throw emptyInput(input, consequence);
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
  const bytes = await readText(input);
  if (bytes.every(isBlank)) throw emptyInput(input);
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
