import { positionOf, thingAt } from './text-position.js';

/** Where a JSON text is wrong, or would get the key of another one. */
export interface JsonFault {
  /** Zero-based, in UTF-16 code units. */
  readonly offset: number;
  readonly what: string;
  /** Whether it is JSON by its grammar, and refused for what it means. */
  readonly isRefusal: boolean;
}

export interface JsonLimits {
  readonly maxDepth: number;
  /** Values and member names together. */
  readonly maxValues: number;
}

/** Members of one object: V8's `Map` ends at 2^24. */
const MAX_MEMBERS = 16_000_000;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
/** What ends a string or has to be looked at: its quote, a backslash, a control character. */
const STRING_BREAK = /["\\]|[^ -\uffff]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/** What may not follow a number or a literal without something between. */
const GLUED = /[\w$.+-]/y;

/**
 * Returns the first fault of a JSON text (RFC 8259), or `undefined` if there is none.
 *
 * `JSON.parse` words the place of a syntax error differently in every version of V8, keeps the last
 * of two members with one name, and rounds integers beyond 2^53-1. The last two would give two
 * different requests one key, so they are faults here.
 */
export function findFault(text: string, limits: JsonLimits): JsonFault | undefined {
  try {
    new Scanner(text, limits).scan();
    return undefined;
  } catch (fault) {
    if (fault instanceof Error) throw fault;
    return fault as JsonFault;
  }
}

class Scanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  /** The containers around: an object's member names and where they stand, nothing for an array. */
  readonly #open: (Map<string, number> | undefined)[] = [];
  #at = 0;
  #valueCount = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  /** One round for each value, without recursion: what nests deeply is not to end the process. */
  scan(): void {
    do {
      this.#skipBlanks();
      const first = this.#text[this.#at];
      if (first === '{' || first === '[') this.#enter(first === '{' ? new Map() : undefined);
      else this.#scalar();
    } while (this.#leave());
  }

  #enter(members: Map<string, number> | undefined): void {
    const { maxDepth } = this.#limits;
    if (this.#open.length === maxDepth) {
      this.#refuse(`arrays and objects nested deeper than ${maxDepth} levels`, this.#at);
    }
    this.#count();
    this.#open.push(members);
    this.#at++;
  }

  /** Goes from the end of a value, or the beginning of a container, to the next value, if any. */
  #leave(): boolean {
    for (;;) {
      const isBeginning = '{['.includes(this.#text[this.#at - 1] as string);
      this.#skipBlanks();
      if (this.#open.length === 0) {
        if (this.#at === this.#text.length) return false;
        return this.#fail('the end after one JSON value');
      }
      const members = this.#open[this.#open.length - 1];
      const close = members === undefined ? ']' : '}';
      if (this.#text[this.#at] === close) {
        this.#open.pop();
        this.#at++;
        continue;
      }
      if (!isBeginning) {
        if (this.#text[this.#at] !== ',') this.#fail(`"," or "${close}"`);
        this.#at++;
        this.#skipBlanks();
        if (this.#text[this.#at] === close)
          this.#fail(`another ${members ? 'member' : 'value'} after the comma`);
      }
      if (members !== undefined) this.#name(members);
      return true;
    }
  }

  #name(members: Map<string, number>): void {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail('a member name in double quotes');
    this.#count();
    const hasEscapes = this.#string();
    const name = hasEscapes
      ? (JSON.parse(this.#text.slice(start, this.#at)) as string)
      : this.#text.slice(start + 1, this.#at - 1);
    const first = members.get(name);
    if (first !== undefined) {
      const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
      const earlier = positionOf(this.#text, first);
      this.#refuse(`the member ${shown} is here for the second time, first at ${earlier}`, start);
    }
    if (members.size === MAX_MEMBERS) this.#refuse(`over ${MAX_MEMBERS} members`, start);
    members.set(name, start);
    this.#skipBlanks();
    if (this.#text[this.#at] !== ':') this.#fail('":"');
    this.#at++;
  }

  #scalar(): void {
    const start = this.#at;
    this.#count();
    if (this.#text[start] === '"') {
      this.#string();
      return;
    }
    const isNumber = this.#take(NUMBER);
    if ((!isNumber && !this.#take(LITERAL)) || this.#take(GLUED)) this.#fail('a value', start);
    if (!isNumber) return;
    const digits = this.#text.slice(start, this.#at);
    const isInteger = /^[-\d]*$/.test(digits);
    if (isInteger ? Number.isSafeInteger(Number(digits)) : Number.isFinite(Number(digits))) return;
    const shown = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
    const why = isInteger ? 'beyond 2^53-1 and would be rounded' : 'more than a number can hold';
    this.#refuse(`${shown} is ${why}, write it as a string`, start);
  }

  /** Moves over a string and returns whether it has escapes. */
  #string(): boolean {
    const start = this.#at;
    let hasEscapes = false;
    STRING_BREAK.lastIndex = start + 1;
    while (STRING_BREAK.test(this.#text)) {
      this.#at = STRING_BREAK.lastIndex - 1;
      const char = this.#text[this.#at];
      if (char !== '\\') {
        if (char !== '"') this.#fail('an escape such as \\n or \\u0009 in a string');
        this.#at++;
        return hasEscapes;
      }
      if (!this.#take(ESCAPE)) this.#fail('\\n, \\u0009 or another escape of JSON');
      hasEscapes = true;
      STRING_BREAK.lastIndex = this.#at;
    }
    return this.#fail('a closing quote for the string that begins here', start, 'none');
  }

  #count(): void {
    if (++this.#valueCount <= this.#limits.maxValues) return;
    const hint = 'NODE_OPTIONS=--max-old-space-size=16000 allows 16 GB';
    this.#refuse(`more values than fit safely into the memory of Node.js; ${hint}`, this.#at);
  }

  #skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #refuse(what: string, offset: number): never {
    throw { offset, what, isRefusal: true } satisfies JsonFault;
  }

  #fail(wanted: string, offset = this.#at, found = thingAt(this.#text, offset)): never {
    throw {
      offset,
      what: `wanted ${wanted}, found ${found}`,
      isRefusal: false,
    } satisfies JsonFault;
  }
}

/** RFC 8259 §2: space, tab, line feed, carriage return. */
function isBlank(code: number): boolean {
  return code <= 0x20 && (code === 0x20 || code === 9 || code === 10 || code === 13);
}
