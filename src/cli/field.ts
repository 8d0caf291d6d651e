/** A field: the place of a value in the lines of a log. */
import { parsePath } from '../json/path.js';
import { toCliError, usageError } from './exit-codes.js';

export interface Field {
  /** The text on the command line. */
  readonly text: string;
  readonly names: readonly string[];
  /** Whether dots may also be part of a member's name. */
  readonly isLoose: boolean;
}

/** A value and its path. */
export interface Found {
  readonly value: unknown;
  readonly names: readonly string[];
}

/** Parses the value of `option`, such as `usage.cost` or `$.usage['cost']`. */
export function toField(text: string, option: string): Field {
  const isLoose = !text.startsWith('$');
  const names = isLoose ? text.split('.') : namesOf(text);
  if (names.includes('')) {
    throw usageError(
      `${option} ${JSON.stringify(text)}: wanted names joined by dots, as in usage.cost`,
    );
  }
  return { text, names, isLoose };
}

/** Returns the names in a JSONPath, with an empty name for any other selector. */
function namesOf(path: string): string[] {
  try {
    return parsePath(path).segments.map(({ descendant, selectors: [first, ...others] }) => {
      const isName = typeof first === 'object' && 'name' in first;
      return isName && !descendant && others.length === 0 ? first.name : '';
    });
  } catch (error) {
    throw toCliError(error);
  }
}

/** Returns the value at a field, if it exists. */
export function findIn(value: unknown, { names, isLoose }: Field): Found | undefined {
  if (isLoose && names.length > 1) return findLoosely(value, names, []);
  let at = value;
  for (const name of names) at = memberOf(at, name);
  return at === undefined ? undefined : { value: at, names };
}

function findLoosely(
  value: unknown,
  names: readonly string[],
  before: readonly string[],
): Found | undefined {
  if (names.length === 0) return { value, names: before };
  for (let count = 1; count <= names.length; count++) {
    const name = count === 1 ? (names[0] as string) : names.slice(0, count).join('.');
    const member = memberOf(value, name);
    if (member === undefined) continue;
    const found = findLoosely(member, names.slice(count), [...before, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
