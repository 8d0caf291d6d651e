/** The inputs that are kept: one line each, a JSON string whose characters are the bytes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const fileOf = (target) => join(HERE, 'corpus', `${target}.txt`);

/** The names of the targets. */
export const targets = readdirSync(join(HERE, 'targets'))
  .map((name) => name.replace(/\.ts$/, ''))
  .sort();

export function readCorpus(target) {
  if (!existsSync(fileOf(target))) return [];
  const lines = readFileSync(fileOf(target), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => Buffer.from(JSON.parse(line), 'latin1'));
}

/** Characters that an editor or Git could change or hide. */
const HIDDEN = /[\u007f-\u00ff]/g;
const toEscape = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

const lineOf = (bytes) => JSON.stringify(bytes.toString('latin1')).replace(HIDDEN, toEscape);

/** The repository keeps that many characters for each target. */
const MAX_CHARS = 5000;

/** Writes the shortest of the inputs. Returns how many these are. */
export function writeCorpus(target, inputs) {
  let charCount = 0;
  const lines = inputs
    .map(lineOf)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .filter((line) => {
      charCount += line.length + 1;
      return charCount <= MAX_CHARS;
    });
  writeFileSync(fileOf(target), lines.map((line) => `${line}\n`).join(''));
  return lines.length;
}

/** Writes each input into a file of its own, as libFuzzer reads them. */
export function unpack(inputs, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const bytes of inputs) {
    writeFileSync(join(folder, createHash('sha1').update(bytes).digest('hex')), bytes);
  }
}

/** Reads the files of a folder, the shortest first. */
export const packed = (folder) =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)))
    .sort((a, b) => a.length - b.length);
