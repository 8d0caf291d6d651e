/**
 * A process of `kept-memory.test.ts`: makes keys of many values on each engine, drops them, and prints
 * the parts of them that its heap still holds, or by how much the memory has grown.
 */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import {
  canonicalize,
  createConversation,
  defineIdentity,
  keyOf,
  keysOf,
  sha256Hex,
  useEngine,
} from '../../dist/index.js';

const [task, engine] = process.argv.slice(2);
useEngine(engine);
// `auto` loads `node:crypto` when that pays off, which takes half a megabyte.
sha256Hex('x'.repeat(1 << 20));

/** Put together here, so that the source of this file does not hold it. */
const MARK = ['secret', 'value'].join('-');
const NUMBER = 4_000_000 / 3;

/**
 * A value whose texts and numbers are marked, and whose names are not. It is read from text, as an
 * application reads it, so that each string is one piece.
 */
function marked(shape, turn) {
  const long = `${MARK} ${turn} ${'long '.repeat(40)}`;
  const members = Array.from({ length: 3 }, (_, i) => [`m${i}_${shape}`, `${MARK} ${turn}`]);
  return JSON.parse(
    JSON.stringify({
      ...Object.fromEntries(members),
      number: NUMBER + turn,
      decimal: 0.25 + turn,
      list: [long, { text: `${MARK} é 東 ${turn}`, [`inner${shape}`]: [long, NUMBER + turn] }],
      messages: [
        { role: 'user', content: `${MARK} "${turn}"` },
        { role: 'user', content: long },
      ],
    }),
  );
}

const selective = defineIdentity({ exclude: ['$..text'], refs: ['$.list'], scope: 's' });

function useMarked() {
  for (let turn = 1; turn <= 1000; turn++) {
    const value = marked(turn % 50, turn);
    keyOf(value);
    keyOf(value, selective);
    canonicalize(value);
    keysOf([value, value.list]);
    createConversation(value).append({ role: 'assistant', content: `${MARK} ${turn}` });
    // Refused after a part of it was written.
    try {
      keyOf({ ...value, zz: [`${MARK} lone \ud800`] });
    } catch {}
  }
}

/** The marked texts and numbers that the heap holds. */
function found() {
  // V8 keeps the text of the last match of a regular expression.
  /x/.exec('x');
  gc();
  const file = join(tmpdir(), `kept-${process.pid}.heapsnapshot`);
  writeHeapSnapshot(file, { exposeNumericValues: true });
  const { strings } = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  const isNumber = (text) => /^133\d{4}\.33/.test(text) && Number(text) !== NUMBER;
  return strings.filter((text) => text.startsWith(`${MARK} `) || isNumber(text));
}

/** What grows: a shape is used several times, so that a cache takes it in. */
const GROWTH = {
  'shapes at one place': (i) => {
    const value = Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`name_${i}_${k}`, k]));
    for (let use = 0; use < 4; use++) canonicalize({ model: 'm', at: value });
  },
  'shapes at many places': (i) => {
    const value = { [`outer${i}`]: { [`a${i}`]: [{ [`b${i}`]: 1, [`c${i}`]: { [`d${i}`]: 2 } }] } };
    for (let use = 0; use < 4; use++) canonicalize(value);
  },
  'long names': (i) => {
    const value = { [`${i}${'n'.repeat(2000)}`]: 1, [`${i}${'m'.repeat(2000)}`]: 2 };
    for (let use = 0; use < 4; use++) canonicalize(value);
  },
  'wide objects': (i) => {
    const value = Object.fromEntries(Array.from({ length: 60 }, (_, k) => [`wide_${i}_${k}`, k]));
    for (let use = 0; use < 4; use++) canonicalize([value]);
  },
  'nested arrays': (i) => {
    let value = [{ [`leaf${i}`]: 1 }];
    for (let level = 0; level < 40; level++) value = [value, { [`l${i}`]: level }];
    for (let use = 0; use < 4; use++) canonicalize(value);
  },
  identities: (i) => {
    const identity = defineIdentity({ exclude: [`$.drop${i}`, '$..x'] });
    const value = { [`drop${i}`]: 1, [`keep${i}`]: { x: 1, y: 2 } };
    for (let use = 0; use < 4; use++) keyOf(value, identity);
  },
};

function bytesHeld() {
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function growth(count) {
  return Object.fromEntries(
    Object.entries(GROWTH).map(([name, use]) => {
      // The code of all is loaded and has its type feedback.
      for (let i = 0; i < 20; i++) use('Before');
      const before = bytesHeld();
      for (let i = 0; i < count; i++) use(i);
      const middle = bytesHeld();
      for (let i = count; i < 1.1 * count; i++) use(i);
      // V8 frees some memory of its own late.
      return [name, Math.min(middle, bytesHeld()) - before];
    }),
  );
}

if (task === 'values') {
  useMarked();
  const kept = found();
  // The search works: it finds a value that is kept.
  globalThis.kept = { value: marked(0, 7) };
  console.log(JSON.stringify({ kept: kept.slice(0, 10), control: found().length }));
} else {
  console.log(JSON.stringify(growth(Number(process.argv[4]))));
}
