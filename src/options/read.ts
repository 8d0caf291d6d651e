import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { type OptionSpec, type OptionSpecs, type SettingsOf, shown } from './spec.js';

/** Throws the error of an option that is refused. */
export type Refuse = (Class: new (message: string) => Error, sentence: string) => never;

/**
 * Checks the options of a function, when the thing it returns is made, and fills in the defaults.
 *
 * `what` is what messages call the options: `options of createOnce`. `others` has the options of
 * related functions, by their names, for whoever takes one function's options for another's.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the option and the right values.
 */
export function readOptions<Specs>(
  specs: Specs,
  options: unknown,
  what: string,
  others: Readonly<Record<string, object>> = {},
): SettingsOf<Specs> {
  const refuse: Refuse = (Class, sentence) =>
    fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot use the ${what}: ${sentence}`);
  return readMembers(specs as OptionSpecs, options, what, '', refuse, others) as SettingsOf<Specs>;
}

function readMembers(
  specs: OptionSpecs,
  options: unknown,
  what: string,
  prefix: string,
  refuse: Refuse,
  others: Readonly<Record<string, object>>,
): Record<string, unknown> {
  const names = Object.keys(specs);
  requireMembers(options, names, what, (name) => hintAt(name, names, others));
  const settings: Record<string, unknown> = {};
  for (const name of names) {
    const spec = specs[name] as OptionSpec;
    const label = prefix + name;
    const setting = readOption(spec, (options as Record<string, unknown>)[name], label, refuse);
    settings[name] =
      spec.specs && typeof setting === 'object'
        ? readMembers(spec.specs, setting, `${label} in the ${what}`, `${label}.`, refuse, {})
        : setting;
  }
  return settings;
}

/**
 * Checks one value, which messages call `label`; returns it or the default. `show` is how they show
 * a value of the wrong type.
 */
export function readOption(
  spec: OptionSpec,
  given: unknown,
  label: string,
  refuse: Refuse,
  show: (value: unknown) => string = nameOf,
): unknown {
  if (given === undefined && !spec.isRequired) return spec.default;
  const fault = spec.faultOf(given);
  if (fault === undefined) return given;
  const [Class, state = `is ${Class === RangeError ? shown(given) : show(given)}`] = fault;
  return refuse(Class, `${label} ${state}, wanted ${spec.wanted}`);
}

/** What a caller may have meant by a name that no option has. */
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
