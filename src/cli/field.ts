/** Where a value stands in the lines of a log. */
import { parsePath } from '../json/path.js';
import { toCliError, usageError } from './exit-codes.js';

export interface Field {
  /** As it was given. */
  readonly text: string;
  readonly names: readonly string[];
}

/** A value, and the names of the members that lead to it. */
export interface Found {
  readonly value: unknown;
  readonly names: readonly string[];
}

/** The field that `text`, the value of `option`, names: `usage.cost`, or `$.usage['cost']`. */
export function toField(text: string, option: string): Field {
  const names = text.startsWith('$') ? namesOf(text) : text.split('.');
  if (names === undefined || names.includes('')) {
    throw usageError(
      `${option} ${JSON.stringify(text)}: wanted names joined by dots, as in usage.cost`,
    );
  }
  return { text, names };
}

/** The names in a JSONPath; `undefined` if it selects by anything else. */
function namesOf(path: string): string[] | undefined {
  try {
    const names = parsePath(path).segments.map(({ descendant, selectors: [first, ...others] }) =>
      !descendant && others.length === 0 && typeof first === 'object' && 'name' in first
        ? first.name
        : '',
    );
    return names;
  } catch (error) {
    throw toCliError(error);
  }
}

/** The value at a field, if it is there. A member whose own name has the dots in it counts, too. */
export function findIn(value: unknown, { names }: Field): Found | undefined {
  if (names.length === 0) return { value, names };
  if (names.length === 1) {
    const member = memberOf(value, names[0] as string);
    return member === undefined ? undefined : { value: member, names };
  }
  return find(value, names, []);
}

function find(
  value: unknown,
  names: readonly string[],
  before: readonly string[],
): Found | undefined {
  if (names.length === 0) return { value, names: before };
  for (let count = 1; count <= names.length; count++) {
    const name = names.slice(0, count).join('.');
    const member = memberOf(value, name);
    if (member === undefined) continue;
    const found = find(member, names.slice(count), [...before, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
