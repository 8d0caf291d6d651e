/** Messages of the library name its options. A user of the program knows its flags. */

/** The flag of each option of the library that a flag sets. */
const FLAG_OF: Readonly<Record<string, string>> = {
  include: '--include',
  exclude: '--exclude',
  refs: '--ref',
  bigNumbers: '--big-numbers',
  scope: '--scope',
  bits: '--bits',
  secret: '--secret-env',
  prefix: '--prefix',
  table: '--table',
  path: '--store',
  threads: '--threads',
  presets: '--preset',
  excludedFields: '--exclude',
  ignoredHeaders: '--ignore-header',
  passedPaths: '--pass',
  keyFormat: '--key-format',
  providerState: '--provider-state',
  idleMs: '--idle',
  maxBodyBytes: '--max-body',
};

/** Options without a flag, and calls of the library: the words that say the same to a user. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/at most the (\d+) levels of maxDepth/, 'at most $1 levels'],
  [/or bigNumbers "digits" or "double"/, 'or --big-numbers digits or double'],
  [/, wanted canonicalBytes$/, ''],
  [/ \(leaseMs\)/, ''],
  [/Cannot make a key of (\S+) bits: /, '--bits $1: '],
  [/Cannot use the scope: /, '--scope: '],
  [/Cannot use the upstream: /, '--upstream: '],
  [/Cannot use the price list: /, ''],
  [/wanted migrate\(\), or /, 'wanted '],
];

/** The beginning of a message about an option: the action, and the name of the option. */
const ABOUT_OPTION =
  /Cannot (?:use the options of \w+|define the identity|use the configuration|make an? \w+ store): (\w+)(?=[ .])/;

/** Returns a message of the library with flags in place of its options. */
export function inFlags(message: string): string {
  const text = message.replace(ABOUT_OPTION, (beginning, name: string) => {
    const flag = Object.hasOwn(FLAG_OF, name) ? FLAG_OF[name] : undefined;
    return flag ?? beginning;
  });
  return WORDS.reduce((shown, [pattern, words]) => shown.replace(pattern, words), text);
}
