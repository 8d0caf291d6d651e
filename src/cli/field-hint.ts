/** Suggests the flag that finds the key of a logged call whose line has no key where it was looked for. */
import { isKey } from '../index.js';
import { findIn } from './field.js';

/** Where logs have requests: a member of the line, or the line itself. */
const REQUEST_FIELDS = [
  'request.body',
  'request',
  'req.body',
  'body',
  'params',
  'payload',
  'input',
];
/** Members that requests to an API of a model have. */
const REQUEST_MEMBERS = ['messages', 'input', 'prompt', 'contents', 'model'];
/** Where the name of a member says that it is a key. */
const KEY_NAME = /^(?:x-)?idempotency[-_ ]?(?:key|token)$/i;
/** How deep a key is looked for, and among how many members. */
const MAX_LEVELS = 4;
const MAX_MEMBERS = 1000;
/** Names that can be written without quotes in a field. */
const PLAIN_NAME = /^[\w-]+$/;

/** Returns the end of a message about `line`, such as `; --request-field body derives the key from …`. */
export function hintAt(line: unknown, isRequestWanted: boolean): string {
  if (!isRequestWanted) {
    const names = keyNamesIn(line);
    if (names !== undefined) return `; --key-field ${shellWord(fieldOf(names))} has one`;
  }
  const field = requestFieldOf(line);
  if (field !== undefined)
    return `; --request-field ${shellWord(field)} derives the key from the request`;
  return isRequestWanted ? '' : '; --request-field FIELD derives the key from a logged request';
}

function requestFieldOf(line: unknown): string | undefined {
  const isRequest = (value: unknown) => {
    const request = typeof value === 'string' ? parsed(value) : value;
    return isObject(request) && REQUEST_MEMBERS.some((name) => Object.hasOwn(request, name));
  };
  const found = (field: string) =>
    findIn(line, { text: field, names: field.split('.'), isLoose: false })?.value;
  return (
    REQUEST_FIELDS.find((field) => isRequest(found(field))) ?? (isRequest(line) ? '$' : undefined)
  );
}

/** Returns the names that lead to a member that is a key, from level to level. */
function keyNamesIn(line: unknown): readonly string[] | undefined {
  const open: { readonly value: unknown; readonly names: readonly string[] }[] = [
    { value: line, names: [] },
  ];
  for (const { value, names } of open) {
    if (!isObject(value) || names.length === MAX_LEVELS) continue;
    for (const [name, member] of Object.entries(value)) {
      const isText = typeof member === 'string' && member !== '';
      if (isText && (KEY_NAME.test(name) || isKey(member))) return [...names, name];
      if (open.length < MAX_MEMBERS) open.push({ value: member, names: [...names, name] });
    }
  }
  return undefined;
}

/** `headers.idempotency-key`, or `$['a b']` for other names. */
function fieldOf(names: readonly string[]): string {
  return names.every((name) => PLAIN_NAME.test(name))
    ? names.join('.')
    : `$${names.map((name) => `[${JSON.stringify(name)}]`).join('')}`;
}

/** In quotes if a shell would change it. */
function shellWord(text: string): string {
  return /^[\w.$-]+$/.test(text) && text !== '$' ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
