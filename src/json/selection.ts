import { type Path, type Segment, type Selector, type Slice, selectsElement } from './path.js';

/** The effect of a path on the values that it matches. */
export type Role = 'include' | 'exclude' | 'reference';

export interface Rule {
  readonly path: Path;
  readonly role: Role;
}

/** How many segments of a rule a value has matched. All of them make a match. */
interface Progress {
  readonly rule: Rule;
  readonly done: number;
}

/**
 * The combined effect of all paths on one value and everything below it. The paths run as one
 * automaton: a selection is a state, and the name of a member, or the index of an element and the
 * length of its array, leads to the next state. States are made on first use, at most one for each combination of progress.
 */
export class Selection {
  /** The path that excludes this value. */
  readonly excludedBy: string | undefined;
  /** Whether the value belongs to the identity: `include` names it or one of its containers. */
  readonly isInside: boolean;
  /** Whether an `include` path matches this value. */
  readonly startsInclude: boolean;
  /** Whether an `include` path may match below this value. */
  readonly mayLeadInside: boolean;
  /** Whether a `refs` path matches this value. */
  readonly isReference: boolean;
  /** Whether no path can match here or below, so that the whole value is included. */
  readonly isIndifferent: boolean;

  readonly #automaton: Automaton;
  readonly #live: readonly Progress[];
  readonly #members = new Map<string, Selection>();
  /** By the slices that select an element, as a text of 0 and 1. */
  readonly #elements = new Map<string, Selection>();
  /** The slices that select elements of this value. */
  readonly slices: readonly Slice[];
  #other: Selection | undefined;

  constructor(automaton: Automaton, progress: readonly Progress[], parentIsInside: boolean) {
    const matched = progress.filter(({ rule, done }) => done === rule.path.segments.length);
    const live = progress.filter(({ rule, done }) => done < rule.path.segments.length);
    const matching = (role: Role) => matched.find(({ rule }) => rule.role === role)?.rule.path.text;
    this.#automaton = automaton;
    this.#live = live;
    this.slices = live.flatMap(({ rule, done }) => segmentOf(rule, done).selectors.filter(isSlice));
    this.excludedBy = matching('exclude');
    this.startsInclude = matching('include') !== undefined;
    this.isInside = parentIsInside || this.startsInclude;
    this.mayLeadInside = live.some(({ rule }) => rule.role === 'include');
    this.isReference = this.isInside && matching('reference') !== undefined;
    this.isIndifferent = this.isInside && live.length === 0 && !this.isReference;
  }

  /** Returns the state of the member of that name. */
  member(name: string): Selection {
    const next = this.#members.get(name);
    if (next !== undefined) return next;
    const isNamed = (selector: Selector) =>
      selector !== 'any' && 'name' in selector && selector.name === name;
    if (!this.#mentions(isNamed)) return this.other();
    const state = this.#next(isNamed);
    this.#members.set(name, state);
    return state;
  }

  /** Returns the state of the element at that index, in an array of that length. */
  element(index: number, length: number): Selection {
    let id = '';
    for (const slice of this.slices) id += +selectsElement(slice, index, length);
    if (!id.includes('1')) return this.other();
    let state = this.#elements.get(id);
    if (state === undefined) {
      state = this.#next((each) => isSlice(each) && selectsElement(each, index, length));
      this.#elements.set(id, state);
    }
    return state;
  }

  /** Returns the state of every member and element that no path names. */
  other(): Selection {
    this.#other ??= this.#next(() => false);
    return this.#other;
  }

  namedMembers(): string[] {
    const names = this.#live.flatMap(({ rule, done }) =>
      segmentOf(rule, done).selectors.map((selector) =>
        selector !== 'any' && 'name' in selector ? selector.name : undefined,
      ),
    );
    return [...new Set(names)].filter((name) => name !== undefined);
  }

  /** Returns the state for the content of a reference, which its digest replaces. */
  get content(): Selection {
    return this.#automaton.state(this.#live, this.isInside);
  }

  #mentions(isNamed: (selector: Selector) => boolean): boolean {
    return this.#live.some(({ rule, done }) => segmentOf(rule, done).selectors.some(isNamed));
  }

  #next(isNamed: (selector: Selector) => boolean): Selection {
    const progress: Progress[] = [];
    for (const { rule, done } of this.#live) {
      const { descendant, selectors } = segmentOf(rule, done);
      if (descendant) progress.push({ rule, done });
      if (selectors.some((selector) => selector === 'any' || isNamed(selector))) {
        progress.push({ rule, done: done + 1 });
      }
    }
    return this.#automaton.state(progress, this.isInside);
  }
}

function isSlice(selector: Selector): selector is Slice {
  return selector !== 'any' && 'step' in selector;
}

function segmentOf(rule: Rule, done: number): Segment {
  return rule.path.segments[done] as Segment;
}

class Automaton {
  readonly #rules: readonly Rule[];
  readonly #states = new Map<string, Selection>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  state(progress: readonly Progress[], parentIsInside: boolean): Selection {
    const steps = new Map<string, Progress>();
    for (const step of progress) steps.set(`${this.#rules.indexOf(step.rule)}:${step.done}`, step);
    const id = `${parentIsInside} ${[...steps.keys()].sort().join(' ')}`;
    let state = this.#states.get(id);
    if (state === undefined) {
      state = new Selection(this, [...steps.values()], parentIsInside);
      this.#states.set(id, state);
    }
    return state;
  }
}

/** Returns the state for the whole value, or `undefined` without rules: everything is included. */
export function compileSelection(rules: readonly Rule[]): Selection | undefined {
  if (rules.length === 0) return undefined;
  const isAllowList = rules.some(({ role }) => role === 'include');
  const start = rules.map((rule) => ({ rule, done: 0 }));
  return new Automaton(rules).state(start, !isAllowList);
}
