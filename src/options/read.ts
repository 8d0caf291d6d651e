import { fail, nameOf, quote, requireMembers, type SamekeyErrorCode } from '../errors/errors.js';
import { own } from './own.js';
import { type OptionSpec, type OptionSpecs, type SettingsOf, shown } from './spec.js';

/** How options are named in messages, and the code of the errors. */
export interface Reading {
  /** Says more about a name that is no option: `optionOf`, for callers who take one function for another. */
  readonly hintAt?: (name: string) => string;
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
  reading: Reading = {},
): SettingsOf<Specs> {
  const hintAt = own(reading, 'hintAt');
  const nameFor = own(reading, 'nameFor');
  const names = Object.keys(specs as OptionSpecs);
  requireMembers(options, names, what, (name) => hintAt?.(name) || suggestion(name, names));
  const settings: Record<string, unknown> = {};
  for (const name of names) {
    const spec = (specs as OptionSpecs)[name] as OptionSpec;
    let value = own(options as Record<string, unknown>, name);
    if (value === undefined && !own(spec, 'isRequired')) {
      value = own(spec, 'default');
    } else {
      const fault = spec.faultOf(value);
      if (fault) {
        const show = own(reading, 'show') ?? nameOf;
        const [Class, state = `is ${(Class === RangeError ? shown : show)(value)}`] = fault;
        fail(
          Class,
          own(reading, 'code') ?? 'SAMEKEY_BAD_ARGUMENT',
          `Cannot use the ${what}: ${nameFor?.(name) ?? name} ${state}, wanted ${spec.wanted}`,
        );
      }
    }
    const read = own(spec, 'read');
    settings[name] = read ? read(value, name, what) : value;
  }
  return settings as SettingsOf<Specs>;
}

/**
 * Returns a `hintAt` that says which of some related functions has such an option. `others` are the
 * options of these functions, by the names of the functions.
 */
export const optionOf =
  (others: Readonly<Record<string, object>>) =>
  (name: string): string => {
    const owner = Object.keys(others).find((each) => Object.hasOwn(others[each] as object, name));
    return owner === undefined ? '' : ` (it is an option of ${owner})`;
  };

/**
 * Suggests the option that is most like a name that does not exist: by the pairs of letters in both
 * (Sørensen and Dice), of which it must have more than half. The beginning of a name is most like it.
 */
function suggestion(name: string, names: readonly string[]): string {
  const wrong = name.toLowerCase();
  const pairs = [...wrong].map((_, index) => wrong.slice(index, index + 2));
  let most = 0;
  let nearest = '';
  for (const each of names) {
    const right = each.toLowerCase();
    const { length } = pairs.filter((pair) => right.includes(pair));
    const likeness = right.startsWith(wrong) ? 1 : length / (wrong.length + right.length);
    if (length > pairs.length / 2 && likeness > most) [nearest, most] = [each, likeness];
  }
  return nearest && ` (did you mean ${quote(nearest)}?)`;
}
