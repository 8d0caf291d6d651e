import { nameOf, quote } from '../errors/errors.js';

/** Why a value is refused: the class of the error and, where `is …` says too little, the state of the value. */
export type Fault = readonly [Class: typeof TypeError | typeof RangeError, state?: string];

/** How a value is written in a file, a variable or a flag, and its unit in a table. */
export type OptionKind = 'duration' | 'byteCount' | 'wholeNumber' | 'number' | 'text' | 'textList';

/**
 * One option: callers give a `Value`, the program reads a `Setting`. The property that holds the
 * specification has the option's name, and its JSDoc comment is the option's one sentence.
 */
export interface OptionSpec<Value = unknown, Setting = unknown> {
  readonly kind?: OptionKind;
  /** The right value, as messages and tables say it: `a whole number from 1`. */
  readonly wanted: string;
  readonly default?: Setting;
  readonly isRequired?: true;
  readonly min?: number;
  readonly max?: number;
  /** The words of a choice. */
  readonly words?: readonly string[];
  /** The specifications of a nested object's members. */
  readonly specs?: OptionSpecs;
  /** For TypeScript only, never set. */
  readonly type?: Value;
  faultOf(value: unknown): Fault | undefined;
  /** Makes the setting of a value without a fault: of an object, with the defaults of its members. */
  readonly read?: (value: unknown, name: string, what: string) => unknown;
}

/** The specification of an option that has no default and must be given. */
export interface RequiredSpec<Value> extends OptionSpec<Value, Value> {
  readonly isRequired: true;
}

/** The options of one function, by name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type RequiredNames<Specs> = {
  [Name in keyof Specs]: Specs[Name] extends { readonly isRequired: true } ? Name : never;
}[keyof Specs];
type ValueOf<Spec> = Spec extends OptionSpec<infer Value, unknown> ? Value : never;
type Required<Specs, Names extends keyof Specs> = {
  readonly [Name in Names]: ValueOf<Specs[Name]>;
};
type Optional<Specs, Names extends keyof Specs> = {
  readonly [Name in Names]?: ValueOf<Specs[Name]>;
};

/** The options as callers give them: each member keeps the comment of its specification. */
export type OptionsOf<Specs> = Required<Specs, RequiredNames<Specs>> &
  Optional<Specs, Exclude<keyof Specs, RequiredNames<Specs>>>;

/** The options as `readOptions` returns them, with the defaults. */
export type SettingsOf<Specs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends OptionSpec<unknown, infer Setting>
    ? Setting
    : never;
};

/**
 * The options of a function. As `/* @__PURE__ *\/ specs(() => ({ … }))` they leave a bundle with the
 * function that reads them: one mark covers all calls inside.
 */
export const specs = <Specs extends object>(make: () => Specs): Specs => make();

/** The longest time that a timer of the platform can be set to, and the most bytes of one result. */
// Literals: bundlers keep an unused `2 ** 31 - 1`.
export const LONGEST_MS = 2_147_483_647;
/** A hundred years: the longest time that anything is stored. */
export const LONGEST_TTL_MS = 3_162_240_000_000;

/** How messages show a value of the right type. */
export const shown = (value: unknown): string =>
  typeof value === 'string' ? quote(value) : typeof value === 'number' ? `${value}` : nameOf(value);

const TYPE: Fault = [TypeError];
const RANGE: Fault = [RangeError];

/** Tells values of the wrong type from those out of range. */
const faultsOf =
  <Type>(type: string, isRight: (value: Type) => boolean = () => true) =>
  (value: unknown): Fault | undefined =>
    typeof value !== type ? TYPE : isRight(value as Type) ? undefined : RANGE;

interface Bounds {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

type NumberSpec<Given> = OptionSpec<
  number,
  Given extends { readonly default: number } ? number : number | undefined
>;

function numberSpec(
  kind: OptionKind,
  bounds: Bounds,
  isRight = Number.isSafeInteger,
  noun = 'whole number',
): OptionSpec<number, never> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds;
  return {
    ...(bounds as object),
    kind,
    wanted: `a ${noun} from ${min}${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ''}`,
    faultOf: faultsOf<number>('number', (value) => isRight(value) && value >= min && value <= max),
  };
}

/** A whole number, from 0 if there is no `min`. */
export function wholeNumber<Given extends Bounds>(bounds: Given): NumberSpec<Given> {
  return numberSpec('wholeNumber', bounds);
}

/** Whole milliseconds, at most what a timer can be set to if there is no `max`. */
export function duration<Given extends Bounds>(bounds: Given): NumberSpec<Given> {
  return numberSpec('duration', { max: LONGEST_MS, ...bounds });
}

/** A whole number of bytes. */
export function byteCount<Given extends Bounds>(bounds: Given): NumberSpec<Given> {
  return numberSpec('byteCount', bounds);
}

/** Any number within the bounds. */
export function number<Given extends Bounds>(bounds: Given): NumberSpec<Given> {
  return numberSpec('number', bounds, () => true, 'number');
}

/** One of some words; the first is the default. */
export function choice<Word extends string>(...words: Word[]): OptionSpec<Word, Word> {
  const wanted = words.map(quote).join(' or ');
  const faultOf = faultsOf<Word>('string', (given) => words.includes(given));
  return { ...value(wanted, faultOf, words[0] as Word), words };
}

/** True or false. */
export function flag(fallback: boolean): OptionSpec<boolean, boolean> {
  return value('true or false', faultsOf('boolean'), fallback);
}

/** Text, which a pattern may restrict. */
export function text<Given extends { readonly default?: string }>({
  wanted = 'text',
  pattern,
  ...rest
}: Given & { readonly wanted?: string; readonly pattern?: RegExp }): OptionSpec<
  string,
  Given extends { readonly default: string } ? string : string | undefined
> {
  return {
    ...(rest as object),
    kind: 'text',
    wanted,
    faultOf: faultsOf<string>('string', pattern && ((value) => pattern.test(value))),
  };
}

/** An array whose items `faultOfItem` checks. */
export function listOf<Item>(
  wanted: string,
  fallback: readonly Item[],
  faultOfItem: (item: unknown) => Fault | undefined,
): OptionSpec<readonly Item[], readonly Item[]> {
  return {
    wanted,
    default: fallback,
    faultOf(value) {
      if (!Array.isArray(value)) return TYPE;
      for (const item of value) {
        const fault = faultOfItem(item);
        if (fault)
          return [fault[0], fault[1] ?? `has ${fault === TYPE ? nameOf(item) : shown(item)}`];
      }
      return undefined;
    },
  };
}

/** An array of texts, which a pattern may restrict. */
export function textList(
  wanted: string,
  fallback: readonly string[] = [],
  pattern?: RegExp,
): OptionSpec<readonly string[], readonly string[]> {
  const faultOfItem = faultsOf<string>('string', pattern && ((item) => pattern.test(item)));
  return { ...listOf(wanted, fallback, faultOfItem), kind: 'textList' };
}

// biome-ignore lint/suspicious/noExplicitAny: any function.
type AnyFunction = (...given: any[]) => unknown;

/** A function. The caller checks its result. */
export function func<Signature extends AnyFunction>(): OptionSpec<Signature, Signature | undefined>;
export function func<Signature extends AnyFunction>(
  fallback: Signature,
): OptionSpec<Signature, Signature>;
export function func(fallback?: AnyFunction): OptionSpec<never, never> {
  return value('a function', faultsOf('function'), fallback as never);
}

/** A value that `faultOf` accepts. */
export function value<Value>(
  wanted: string,
  faultOf?: (given: unknown) => Fault | undefined,
): OptionSpec<Value, Value | undefined>;
export function value<Value>(
  wanted: string,
  faultOf: (given: unknown) => Fault | undefined,
  fallback: Value,
): OptionSpec<Value, Value>;
export function value(
  wanted: string,
  faultOf: (given: unknown) => Fault | undefined = () => undefined,
  fallback?: unknown,
): OptionSpec<never, never> {
  return { wanted, faultOf, default: fallback as never };
}

/** An object that has these functions, such as a store. */
export function instance<Value>(
  wanted: string,
  ...functions: readonly (keyof Value & string)[]
): OptionSpec<Value, Value | undefined> {
  return value(wanted, (given) => {
    const missing = functions.find(
      (name) => typeof (given as Value | null | undefined)?.[name] !== 'function',
    );
    return missing && [TypeError, `has no ${missing}()`];
  });
}

/** `false`, which turns something off. */
export function off(): OptionSpec<false, false | undefined> {
  return value('false', (given) => (given === false ? undefined : TYPE));
}

/** A value of the first kind, with its default, or of the second. */
export function either<A, SettingA, B, SettingB>(
  first: OptionSpec<A, SettingA>,
  second: OptionSpec<B, SettingB>,
): OptionSpec<A | B, SettingA | Exclude<SettingB, undefined>> {
  return {
    ...(first as object as OptionSpec<never, never>),
    wanted: `${first.wanted} or ${second.wanted}`,
    faultOf(value) {
      const fault = first.faultOf(value);
      const other = fault && second.faultOf(value);
      return other && (fault[0] === RangeError ? fault : other);
    },
  };
}

/** An option that has to be given. */
export function required<Value, Setting>(spec: OptionSpec<Value, Setting>): RequiredSpec<Value> {
  return { ...(spec as OptionSpec<never, never>), isRequired: true };
}

/** The options of one function as part of another's. */
export function without<Specs extends object, Name extends keyof Specs>(
  specs: Specs,
  ...names: readonly Name[]
): Omit<Specs, Name> {
  const rest = { ...specs };
  for (const name of names) delete rest[name];
  return rest;
}

/** Only some of the options of a function. */
export function only<Specs extends object, Name extends keyof Specs>(
  specs: Specs,
  ...names: readonly Name[]
): Pick<Specs, Name> {
  const others = Object.keys(specs).filter((name) => !names.includes(name as Name));
  return without(specs, ...(others as never[])) as Pick<Specs, Name>;
}

/** The options of several functions together. None may be in two of them. */
export function joined<A, B>(a: A, b: B): A & B;
export function joined<A, B, C>(a: A, b: B, c: C): A & B & C;
export function joined<A, B, C, D>(a: A, b: B, c: C, d: D): A & B & C & D;
export function joined<A, B, C, D, E>(a: A, b: B, c: C, d: D, e: E): A & B & C & D & E;
export function joined(...parts: readonly object[]): object {
  return Object.assign({}, ...parts);
}
