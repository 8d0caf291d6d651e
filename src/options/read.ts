import { fail, nameOf, quote, requireMembers, type SamekeyErrorCode } from '../errors/errors.js';
import { type OptionSpec, type OptionSpecs, type SettingsOf, shown } from './spec.js';

/** How options are named in messages, and the code of the errors. */
export interface Reading {
  /** The options of related functions by their names, for callers who take one for another. */
  readonly others?: Readonly<Record<string, object>>;
  readonly code?: SamekeyErrorCode;
  /** Returns the name of an option in messages: a variable of the environment, for example. */
  readonly nameFor?: (name: string) => string;
  /** How a message shows a value of the wrong type. */
  readonly show?: (value: unknown) => string;
}

/**
 * Checks the options of a function, when the thing it returns is made, and fills in the defaults.
 * `what` is what messages call the options: `options of createOnce`.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the option and the right values.
 */
export function readOptions<Specs>(
  specs: Specs,
  options: unknown,
  what: string,
  {
    others = {},
    code = 'SAMEKEY_BAD_ARGUMENT',
    nameFor = (name) => name,
    show = nameOf,
  }: Reading = {},
): SettingsOf<Specs> {
  const names = Object.keys(specs as OptionSpecs);
  requireMembers(options, names, what, (name) => hintAt(name, names, others));
  const settings: Record<string, unknown> = {};
  for (const name of names) {
    const spec = (specs as OptionSpecs)[name] as OptionSpec;
    let value = (options as Record<string, unknown>)[name];
    if (value === undefined && !spec.isRequired) {
      value = spec.default;
    } else {
      const fault = spec.faultOf(value);
      if (fault) {
        const [Class, state = `is ${(Class === RangeError ? shown : show)(value)}`] = fault;
        fail(
          Class,
          code,
          `Cannot use the ${what}: ${nameFor(name)} ${state}, wanted ${spec.wanted}`,
        );
      }
    }
    settings[name] =
      spec.specs && typeof value === 'object'
        ? readOptions(spec.specs, value, `${name} in the ${what}`, {
            nameFor: (inner) => `${name}.${inner}`,
          })
        : value;
  }
  return settings as SettingsOf<Specs>;
}

/** Suggests an option for a name that does not exist, or says which function has such an option. */
function hintAt(
  name: string,
  names: readonly string[],
  others: Readonly<Record<string, object>>,
): string {
  const owner = Object.keys(others).find((each) => Object.hasOwn(others[each] as object, name));
  if (owner !== undefined) return ` (it is an option of ${owner})`;
  const wrong = name.toLowerCase();
  // A name of three letters may be one letter off, a longer one at most three.
  let most = Math.min(4, wrong.length / 2);
  let nearest = '';
  for (const each of names) {
    const right = each.toLowerCase();
    const distance = right.startsWith(wrong) ? 1 : distanceOf(wrong, right, most);
    if (distance < most) [nearest, most] = [each, distance];
  }
  return nearest && ` (did you mean ${quote(nearest)}?)`;
}

/**
 * How many letters have to be added, removed or replaced to make one text of the other
 * (Levenshtein); more than `most` if there are more.
 */
function distanceOf(from: string, to: string, most: number): number {
  if (from === to) return 0;
  if (from[0] === to[0]) return distanceOf(from.slice(1), to.slice(1), most);
  if (most < 1) return 1;
  const rests = [
    [1, 0],
    [0, 1],
    [1, 1],
  ];
  return 1 + Math.min(...rests.map(([i, j]) => distanceOf(from.slice(i), to.slice(j), most - 1)));
}
