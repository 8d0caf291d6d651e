import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type BigNumbers,
  defineIdentity,
  type Identity,
  type IdentityOptions,
  identities,
} from '../index.js';
import { usageError } from './exit-codes.js';

/** The flags that `addIdentityOptions` adds to a command. */
export interface IdentityFlags {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly ref?: readonly string[];
  readonly preset?: readonly PresetName[];
  readonly bigNumbers?: BigNumbers;
  readonly scope?: readonly string[];
  readonly bits?: '256' | '128';
  readonly secretEnv?: string;
}

type PresetName = keyof typeof identities;

const PRESETS = Object.keys(identities) as PresetName[];

function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function toPresets(value: string, before: readonly PresetName[] = []): PresetName[] {
  const preset = PRESETS.find((name) => name === value);
  if (preset === undefined) throw new InvalidArgumentError(`Wanted ${PRESETS.join(', ')}.`);
  return [...before, preset];
}

/** Adds the options that select the identity of a request and the format of its key. */
export function addIdentityOptions(command: Command): Command {
  return command
    .option('-i, --include <path>', 'include only this path; repeatable', repeated)
    .option('-x, --exclude <path>', 'exclude this path; repeatable', repeated)
    .option(
      '-p, --preset <name>',
      `exclude members that may differ between two attempts: ${PRESETS.join(', ')}; repeatable`,
      toPresets,
    )
    .option('--ref <path>', 'replace the value at this path by its digest; repeatable', repeated)
    .addOption(
      new Option(
        '--big-numbers <kind>',
        'keep the digits of integers beyond 2^53 - 1 (default), round them, or refuse them',
      ).choices(['digits', 'double', 'error']),
    )
    .option(
      '-s, --scope <text>',
      'scope of the key: tenant, operation, …, outermost first; repeatable',
      repeated,
    )
    .addOption(new Option('-b, --bits <count>', 'length of the key').choices(['256', '128']))
    .option('--secret-env <name>', 'derive the key with the secret in this environment variable');
}

/** Returns the identity that the flags define. */
export function toIdentity(flags: IdentityFlags): Identity {
  const { include, ref, bigNumbers = 'digits' } = flags;
  const presets = (flags.preset ?? []).flatMap((name) => identities[name].exclude ?? []);
  const exclude = [...presets, ...(flags.exclude ?? [])];
  const options: IdentityOptions = {
    ...(include === undefined ? {} : { include }),
    ...(exclude.length === 0 ? {} : { exclude }),
    ...(ref === undefined ? {} : { refs: ref }),
    bigNumbers,
    ...toFormat(flags),
  };
  return defineIdentity(options);
}

/** Returns the options that apply to raw bytes, too. */
export function toFormat(flags: IdentityFlags): Pick<IdentityOptions, 'scope' | 'bits' | 'secret'> {
  const { scope, bits, secretEnv } = flags;
  requireScope(scope);
  return {
    ...(scope === undefined ? {} : { scope }),
    ...(bits === undefined ? {} : { bits: bits === '128' ? 128 : 256 }),
    ...(secretEnv === undefined ? {} : { secret: toSecret(secretEnv) }),
  };
}

/** Refuses the values of `--scope` that a shell makes of a variable that is not set. */
export function requireScope(scope: readonly string[] | undefined): void {
  if (scope?.includes('')) {
    throw usageError(
      '--scope is empty, as after an unset variable; omit it for a key without a scope',
    );
  }
  const option = scope?.find((each) => each.startsWith('-'));
  if (option !== undefined) {
    throw usageError(`--scope wants a value, found ${option}, as after an unset variable`);
  }
}

/** Refuses the value of a flag that names a variable. If it is the secret itself, no message may repeat it. */
export function requireVariableName(name: string, flag: string, secret: string): void {
  if (/^[A-Za-z_]\w*$/.test(name)) return;
  throw usageError(`${flag} wants the name of an environment variable, not the ${secret}`);
}

function toSecret(name: string): string {
  requireVariableName(name, '--secret-env', 'secret');
  const secret = process.env[name];
  if (!secret) {
    const state = secret === undefined ? 'not set' : 'empty';
    throw usageError(`--secret-env: the environment variable ${name} is ${state}`);
  }
  return secret;
}
