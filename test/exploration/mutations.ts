import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Rules } from './world.js';

/** One mistake in the rules, and the invariant that does not hold with it. */
export interface Mutation {
  readonly mistake: string;
  readonly invariant: string;
  /** A text in `transition.ts` and its replacement. */
  readonly from: string;
  readonly to: string;
  /** The profile that finds it; `everything` by default. */
  readonly profile?: string;
}

const TAKEOVERS = 'takeovers and releases';

export const mutations: readonly Mutation[] = [
  {
    mistake: 'a takeover does not wait for the lease to end',
    invariant: 'one live owner',
    from: '!request.takeUnknown || !isUnknown(current, nowMs)',
    to: '!request.takeUnknown',
  },
  {
    mistake: 'the token of a deleted record is forgotten',
    invariant: 'fencing tokens grow',
    from: 'Math.max(old?.fencingToken ?? 0, highestToken) + 1',
    to: '(old?.fencingToken ?? 0) + 1',
  },
  {
    mistake: 'the token is the time',
    invariant: 'fencing tokens grow',
    from: 'Math.max(old?.fencingToken ?? 0, highestToken) + 1',
    to: '0',
  },
  {
    mistake: 'a release sets the token back',
    invariant: 'fencing tokens grow',
    from: 'record && { ...record, fencingToken }',
    to: 'record',
  },
  {
    mistake: 'a result is kept for as long as its claim asked',
    invariant: 'a result stays',
    from: 'expiresAtMs: nowMs + ttlMs',
    to: 'expiresAtMs: record.expiresAtMs',
  },
  {
    mistake: 'a running record hides a result and expires before it',
    invariant: 'a result stays',
    from: 'former?.expiresAtMs ?? 0',
    to: '0',
  },
  {
    mistake: 'a release deletes a finished record',
    invariant: 'a result stays',
    from: "return record?.owner === owner && record.state === 'running';",
    to: 'return record?.owner === owner;',
  },
  {
    mistake: 'fingerprints are not compared',
    invariant: 'a mismatch never claims',
    from: 'if (isAnother(current.fingerprint, request.fingerprint)) return undefined;',
    to: '',
  },
  {
    mistake: 'a takeover does not compare fingerprints',
    invariant: 'a mismatch never claims',
    from: 'if (isAnother(current.fingerprint, request.fingerprint)) return undefined;',
    to: "if (current.state !== 'running' && isAnother(current.fingerprint, request.fingerprint)) return undefined;",
  },
  {
    mistake: 'a lease that ends now has not ended',
    invariant: 'a free key can be claimed',
    from: 'record.leaseEndsAtMs <= nowMs',
    to: 'record.leaseEndsAtMs < nowMs',
  },
  {
    mistake: 'a finished record is run again without takeFinished',
    invariant: 'a claim takes only permitted records',
    from: 'if (!isTakable(current.owner, request)) return undefined;',
    to: '',
  },
  {
    mistake: 'a finished record of another owner is run again',
    invariant: 'a claim takes only permitted records',
    from: 'finishedOwner === undefined || finishedOwner === owner',
    to: 'true',
    profile: 'results that cannot be read',
  },
  {
    mistake: 'no finished record is taken by the name of its owner',
    invariant: 'a free key can be claimed',
    from: 'finishedOwner === undefined || finishedOwner === owner',
    to: 'finishedOwner === undefined',
    profile: 'results that cannot be read',
  },
  {
    mistake: 'a claim that arrives again after its own result runs again',
    invariant: 'an ended claim is not granted again',
    from: "return current.state === 'running' ? current : undefined;",
    to: "if (current.state === 'running') return current;",
  },
  {
    mistake: 'a takeover starts to count anew',
    invariant: 'attempts are counted',
    from: 'attempt = current.attempt + 1;',
    to: '',
  },
  {
    mistake: 'a renewal does not keep the record',
    invariant: 'a lease is kept',
    from: 'expiresAtMs: Math.max(record.expiresAtMs, leaseEndsAtMs)',
    to: 'expiresAtMs: record.expiresAtMs',
  },
  {
    mistake: 'a record expires before its lease',
    invariant: 'a lease is kept',
    from: 'nowMs + Math.max(request.ttlMs, request.leaseMs)',
    to: 'nowMs + 1',
  },
  {
    mistake: 'a takeover loses the record that it takes over',
    invariant: 'release restores the former state',
    from: 'withFormer(formerFinished(current), current) : current',
    to: 'formerFinished(current) : current',
    profile: TAKEOVERS,
  },
  {
    mistake: 'a takeover loses the result behind the record that it takes over',
    invariant: 'release restores the former state',
    from: 'withFormer(formerFinished(current), current) : current',
    to: 'withoutFormer(current) : current',
    profile: 'fresh runs',
  },
  {
    mistake: 'a release restores what has expired',
    invariant: 'release restores the former state',
    from: 'unexpired(former, nowMs) ?? unexpired(former && formerOf(former), nowMs)',
    to: 'former',
    profile: 'fresh runs',
  },
  {
    mistake: 'a release forgets a record that a later takeover dropped',
    invariant: 'an unknown outcome is not forgotten',
    from: "attempt > 1 && former?.state !== 'running'",
    to: 'attempt < 1',
    profile: TAKEOVERS,
  },
  {
    mistake: 'a release deletes what was there before',
    invariant: 'an unknown outcome is not forgotten',
    from: 'return record && { ...record, fencingToken };',
    to: 'return undefined;',
    profile: TAKEOVERS,
  },
  {
    mistake: "anybody's renewal is taken",
    invariant: 'a former owner changes nothing',
    from: "if (record?.owner !== owner || record.state !== 'running') return undefined;",
    to: "if (record?.state !== 'running') return undefined;",
  },
  {
    mistake: "anybody's release is taken",
    invariant: 'a former owner changes nothing',
    from: "return record?.owner === owner && record.state === 'running';",
    to: "return record?.state === 'running';",
  },
  {
    mistake: "anybody's outcome is taken",
    invariant: 'an outcome is written once',
    from: 'if (record?.owner !== owner) return undefined;',
    to: 'if (record === undefined) return undefined;',
  },
  {
    mistake: 'an outcome that is sent again is refused',
    invariant: 'a repeated call has one effect',
    from: "if (record.state !== 'running') return record;",
    to: "if (record.state !== 'running') return undefined;",
  },
  {
    mistake: 'a claim that is sent again is refused',
    invariant: 'a repeated call has one effect',
    from: "return current.state === 'running' ? current : undefined;",
    to: 'return undefined;',
  },
  {
    mistake: 'a record under a valid lease is evicted',
    invariant: 'a live owner is not evicted',
    from: "record !== undefined && (record.state !== 'running' || isUnknown(record, nowMs))",
    to: 'record !== undefined',
  },
  {
    mistake: 'a running record may expire before the one behind it',
    invariant: 'the visible record expires last',
    from: 'former?.expiresAtMs ?? 0',
    to: '0',
  },
  {
    mistake: 'every record that was taken over is kept',
    invariant: 'the visible record expires last',
    from: 'withFormer(formerFinished(current), current) : current',
    to: 'current : current',
    profile: TAKEOVERS,
  },
  {
    mistake: 'what is behind a record is shown',
    invariant: 'read returns the visible record',
    from: 'const { former: _, ...current } = record;',
    to: 'const current = record;',
  },
];

const FOLDER = fileURLToPath(new URL('../../src/store', import.meta.url));
const SOURCE = readFileSync(join(FOLDER, 'transition.ts'), 'utf8');

/** The rules with one mistake. */
export function mutated({ mistake, from, to }: Mutation): Rules {
  const parts = SOURCE.split(from);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot make the mistake "${mistake}": transition.ts has its place ${parts.length - 1} times, wanted once`,
    );
  }
  const { outputFiles } = buildSync({
    stdin: { contents: parts.join(to), loader: 'ts', resolveDir: FOLDER },
    bundle: true,
    format: 'cjs',
    write: false,
  });
  const module = { exports: {} };
  new Function('module', outputFiles[0]?.text ?? '')(module);
  return module.exports as Rules;
}
