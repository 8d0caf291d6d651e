import { type Command, InvalidArgumentError, Option } from 'commander';
import { quote } from '../errors/errors.js';
import type { OptionSpec } from '../options/spec.js';
import { usageError } from './exit-codes.js';

/** The units of a flag's number, the largest first. */
const UNITS: Readonly<Record<string, readonly (readonly [unit: string, size: number])[]>> = {
  duration: [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ],
  byteCount: [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
    ['', 1],
  ],
};

const EXAMPLES: Readonly<Record<string, string>> = {
  duration: 'a time such as 500ms, 30s or 5m',
  byteCount: 'a size such as 1000000 or 64MiB',
};

/**
 * Adds the flag of an option: its parser, choices, default and bounds are those of `spec`. `variable` of
 * the environment is read if the flag is missing. `preset` is the value of a flag without one.
 */
export function addFlag(
  command: Command,
  flags: string,
  spec: OptionSpec,
  sentence: string,
  { variable, preset }: { readonly variable?: string; readonly preset?: string } = {},
): void {
  const isList = spec.kind === 'textList';
  // Help texts begin in lower case and have no full stop.
  const text = sentence.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase()).slice(0, -1);
  const option = new Option(flags, isList ? `${text}; repeatable` : text);
  if (spec.words !== undefined) option.choices(spec.words);
  else if (isList)
    option.argParser((value, before: string[] = []) => {
      const isRight = spec.faultOf([value]) === undefined;
      if (isRight) return [...before, value];
      throw usageError(`${option.long} has ${quote(value)}, wanted ${spec.wanted}`);
    });
  else if (spec.kind === 'text') option.argParser((value) => checkedText(value, spec));
  else if (!option.isBoolean()) option.argParser((value) => parsedNumber(value, spec));
  if (spec.isRequired) option.makeOptionMandatory();
  if (spec.default !== undefined && !isList) option.default(spec.default, shownAs(spec));
  // An empty variable counts as missing.
  if (variable !== undefined && process.env[variable] !== '') option.env(variable);
  if (preset !== undefined) option.preset(preset);
  command.addOption(option);
}

function checkedText(text: string, spec: OptionSpec): string {
  if (spec.faultOf(text) === undefined) return text;
  throw new InvalidArgumentError(`Wanted ${spec.wanted}.`);
}

function parsedNumber(text: string, spec: OptionSpec): number {
  const units = UNITS[spec.kind ?? 'wholeNumber'] ?? [['', 1]];
  const [, count = '', unit] = /^(\d{1,15})([A-Za-z]*)$/.exec(text) ?? [];
  const size = units.find(([each]) => each === unit)?.[1] ?? Number.NaN;
  const value = Number(count) * size;
  if (count !== '' && spec.faultOf(value) === undefined) return value;
  const { max = Number.POSITIVE_INFINITY, kind = 'wholeNumber', wanted } = spec;
  const most =
    kind === 'byteCount' && Number.isFinite(max) ? `, at most ${inUnits(max, kind)}` : '';
  const example = EXAMPLES[kind];
  throw new InvalidArgumentError(`Wanted ${example === undefined ? wanted : example + most}.`);
}

function inUnits(value: number, kind: string): string {
  const [unit, size] = UNITS[kind]?.find(([, each]) => value % each === 0) ?? ['', 1];
  return `${value / size}${unit}`;
}

const shownAs = ({ kind = 'wholeNumber', default: value }: OptionSpec) =>
  typeof value === 'number' ? inUnits(value, kind) : String(value);
