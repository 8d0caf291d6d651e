import { constants } from 'node:buffer';
import { createReadStream, fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import { DEFAULT_MAX_DEPTH } from '../json/writer.js';
import { CliError, EXIT, invalidInput, usageError } from './exit-codes.js';
import { findFault } from './strict-json.js';
import { counted, printable } from './terminal.js';
import { positionOf } from './text-position.js';

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
 * The input's JSON value, read strictly: UTF-8, one value, no member twice, no number rounded.
 * `copyCount` is how many values like it the memory has to hold at the same time.
 */
export async function readJson(input: Input, copyCount: number): Promise<unknown> {
  const text = toText(await readBytes(input), input);
  if (/^[ \t\n\r]*$/.test(text)) throw emptyInput(input);
  const fault = findFault(text, {
    maxDepth: DEFAULT_MAX_DEPTH,
    maxValues: maxValuesFor(text.length) / copyCount,
  });
  if (fault === undefined) return JSON.parse(text);
  const at = positionOf(text, fault.offset);
  throw invalidInput(
    input.name,
    fault.isRefusal ? `refused at ${at}: ${fault.what}` : `not JSON at ${at}: ${fault.what}`,
  );
}

/** V8 ends the process when the heap is full, so what cannot fit is not begun. */
function maxValuesFor(textLength: number): number {
  const freeBytes = getHeapStatistics().heap_size_limit * 0.75 - textLength;
  return Math.min(MAX_VALUES, Math.max(0, freeBytes) / HEAP_BYTES_PER_VALUE);
}

function toText(bytes: Buffer, input: Input): string {
  const mark = bytes.toString('hex', 0, 3);
  if (mark === 'efbbbf') {
    throw invalidInput(input.name, 'it begins with a byte order mark: save it as UTF-8 without');
  }
  if (mark.startsWith('fffe') || mark.startsWith('feff')) {
    throw invalidInput(input.name, 'it is UTF-16: save it as UTF-8');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidInput(input.name, notUtf8(bytes));
  }
}

/** Where the first byte is that a lenient decoder replaces. */
function notUtf8(bytes: Buffer): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let index = -1;
  do {
    const next = text.indexOf('\ufffd', index + 1);
    offset += Buffer.byteLength(text.slice(Math.max(index, 0), next));
    index = next;
    // U+FFFD may as well be in the text itself, as EF BF BD.
  } while (index !== -1 && bytes.toString('hex', offset, offset + 3) === 'efbfbd');
  const byte = bytes.toString('hex', offset, offset + 1).toUpperCase();
  return `not UTF-8 at ${positionOf(text, index)}: the byte ${byte} is no part of a character; a file that is not text wants --raw`;
}
