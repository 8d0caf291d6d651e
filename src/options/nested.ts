import { readOptions } from './read.js';
import type { OptionSpec, OptionSpecs, OptionsOf, SettingsOf } from './spec.js';

/** An object whose members have specifications of their own. */
export function nested<Specs extends OptionSpecs>(
  specs: Specs,
): OptionSpec<OptionsOf<Specs>, SettingsOf<Specs>> {
  return {
    wanted: 'an object',
    specs,
    default: {} as never,
    faultOf: (given) => (typeof given === 'object' ? undefined : [TypeError]),
    read: (given, name, what) =>
      typeof given === 'object'
        ? readOptions(specs, given, `${name} in the ${what}`, {
            nameFor: (inner) => `${name}.${inner}`,
          })
        : given,
  };
}
