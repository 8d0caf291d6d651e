import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { folder, PROGRAM, samekey } from './program.js';

export const { path: root, write } = folder();
let count = 0;
/** A new store and a new folder. */
export const fresh = () => {
  const name = join(root, `t${++count}`);
  return { out: `${name}-plan`, store: `lmdb:${name}-store` };
};

export interface Line {
  custom_id: string;
  [member: string]: unknown;
}

export const asked = (content: string) => ({ model: 'm', messages: [{ role: 'user', content }] });
export const openaiLine = (name: string | undefined, content: string) =>
  JSON.stringify({
    ...(name !== undefined && { custom_id: name }),
    method: 'POST',
    url: '/v1/chat/completions',
    body: asked(content),
  });
export const anthropicLine = (name: string, content: string) =>
  JSON.stringify({ custom_id: name, params: asked(content) });
export const jsonl = (lines: readonly unknown[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
export const linesIn = (text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

export const plan = (
  input: string,
  { out, store }: { out: string; store: string },
  ...more: readonly string[]
) => samekey(['batch', 'plan', '--out', out, '--store', store, ...more], { input });
export const planned = (out: string): Line[] =>
  readdirSync(out)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => linesIn(readFileSync(join(out, name), 'utf8')));
export const idIn = ({ custom_id: id }: Line) => id.slice(0, 35);

export const succeeded = ({ custom_id }: Line, content: string) => ({
  id: 'batch_req_1',
  custom_id,
  response: { status_code: 200, request_id: 'r', body: { content } },
  error: null,
});
export const errored = ({ custom_id }: Line) => ({
  id: 'batch_req_1',
  custom_id,
  response: { status_code: 500, request_id: 'r', body: { error: { message: 'no' } } },
  error: null,
});

/** Starts a plan whose input does not end, and waits for its first lines. */
export async function unfinished(
  input: string,
  { out, store }: { out: string; store: string },
  ...nodeOptions: readonly string[]
) {
  const child = spawn(
    process.execPath,
    [...nodeOptions, PROGRAM, 'batch', 'plan', '--out', out, '--store', store],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  const closed = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('close', (_, signal) => resolve(signal)),
  );
  const part = join(out, 'batch-0001.jsonl.part');
  while (!existsSync(part) || statSync(part).size === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { child, closed, part };
}

export const MANY = 5000;
/** The first fifth is repeated at the end, so that there are duplicates across windows. */
export const many = Array.from({ length: MANY }, (_, i) =>
  openaiLine(`r${i}`, `Question ${i % ((MANY * 4) / 5)}?`),
);
