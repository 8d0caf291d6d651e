import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type BigNumbers,
  defineIdentity,
  type Identity,
  type IdentityOptions,
  identities,
} from '../index.js';
import { usageError } from './exit-codes.js';

/** What `addIdentityOptions` leaves in a command's flags. */
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

/** The options that say which part of a request is its identity, and how that becomes a key. */
export function addIdentityOptions(command: Command): Command {
  return command
    .option('-i, --include <path>', 'take only what is at this path; repeatable', repeated)
    .option('-x, --exclude <path>', 'leave out what is at this path; repeatable', repeated)
    .option(
      '-p, --preset <name>',
      `leave out what may differ between two attempts: ${PRESETS.join(', ')}; repeatable`,
      toPresets,
    )
    .option('--ref <path>', 'let its digest stand for what is at this path; repeatable', repeated)
    .addOption(
      new Option(
        '--big-numbers <kind>',
        'what integers beyond 2^53 - 1 are: an error, or the nearest double',
      ).choices(['error', 'double']),
    )
    .option('-s, --scope <text>', 'tenant, operation, …, outermost first; repeatable', repeated)
    .addOption(new Option('-b, --bits <count>', 'length of the key').choices(['256', '128']))
    .option('--secret-env <name>', 'make the key with the secret in this environment variable');
}

/** The identity that the flags describe. */
export function toIdentity(flags: IdentityFlags): Identity {
  const { include, ref, bigNumbers } = flags;
  const presets = (flags.preset ?? []).flatMap((name) => identities[name].exclude ?? []);
  const exclude = [...presets, ...(flags.exclude ?? [])];
  const options: IdentityOptions = {
    ...(include === undefined ? {} : { include }),
    ...(exclude.length === 0 ? {} : { exclude }),
    ...(ref === undefined ? {} : { refs: ref }),
    ...(bigNumbers === undefined ? {} : { bigNumbers }),
    ...toFormat(flags),
  };
  return defineIdentity(options);
}

/** The part of it that raw bytes have, too. */
export function toFormat(flags: IdentityFlags): Pick<IdentityOptions, 'scope' | 'bits' | 'secret'> {
  const { scope, bits, secretEnv } = flags;
  if (scope?.includes('')) {
    throw usageError('--scope is empty, as from an unset variable; leave it out to have none');
  }
  const option = scope?.find((each) => each.startsWith('-'));
  if (option !== undefined) {
    throw usageError(`--scope wants a value, found ${option}, as after an unset variable`);
  }
  return {
    ...(scope === undefined ? {} : { scope }),
    ...(bits === undefined ? {} : { bits: bits === '128' ? 128 : 256 }),
    ...(secretEnv === undefined ? {} : { secret: toSecret(secretEnv) }),
  };
}

function toSecret(name: string): string {
  // Whoever gives the secret itself here must not find it in a log of errors, too.
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    throw usageError('--secret-env wants the name of an environment variable, not the secret');
  }
  const secret = process.env[name];
  if (!secret) {
    const state = secret === undefined ? 'not set' : 'empty';
    throw usageError(`--secret-env: the environment variable ${name} is ${state}`);
  }
  return secret;
}
