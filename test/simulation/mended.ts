import type { Invariant } from './observed.js';

/** Schedules that violated an invariant of earlier code, the shortest of each kind. */
export const mended: readonly {
  readonly fault: string;
  readonly violated: Invariant;
  readonly schedule: string;
}[] = [
  {
    fault: 'a finished result was thrown away after a pause, though nobody else had the key',
    violated: 'nothing is withheld',
    schedule: 'one long call / A.renew4.reply: pause 350',
  },
  {
    fault: 'a lease that a paused process had renewed was given up',
    violated: 'no lease without an owner',
    schedule: 'one long call / A.timer1: pause 350',
  },
  {
    fault: 'a result that the store refuses was withheld for ever',
    violated: 'every call settles',
    schedule: 'a store that refuses results',
  },
  {
    fault: 'a write that succeeded late was sent again',
    violated: 'a late success counts',
    schedule: 'one call / A.complete1.effect: late 55',
  },
  {
    fault: 'a claim whose reply was lost was given back once',
    violated: 'no lease without an owner',
    schedule: 'hold / A.claim1.reply: lost / A.release1.effect: err',
  },
  {
    fault: 'a run that failed was given back once',
    violated: 'no lease without an owner',
    schedule: 'an error is not stored / A.release1.effect: err',
  },
  {
    fault: 'the lease of a run of unknown outcome was ended once',
    violated: 'no lease without an owner',
    schedule: 'an error of unknown outcome, hold / A.renew1.effect: err',
  },
  {
    fault: 'the result of another payload was given and cached',
    violated: 'own fingerprint only',
    schedule: 'fingerprints and evict / A.run1.end: pause 350',
  },
  {
    fault: 'a result that was never kept was cached, and told as executed',
    violated: 'unstored results are not replayed',
    schedule: 'two processes / A.run1.end: pause 350 / A.timer3: pause 350',
  },
  {
    fault: 'a run without protection was told as kept',
    violated: 'unstored results are not replayed',
    schedule: 'run when the store fails / A.claim1.effect: err',
  },
  {
    fault: 'a waiting fresh caller got the old result',
    violated: 'fresh is fresh',
    schedule: 'fresh that fails',
  },
  {
    fault: 'a function was started after its own lease had run out',
    violated: 'started under a valid lease',
    schedule: 'a lease shorter than storeTimeoutMs / A.claim1.reply: late 95',
  },
  {
    fault: 'a function was started after a pause longer than its lease',
    violated: 'started under a valid lease',
    schedule: 'one call / A.claim1.reply: pause 350 / A.timer1: first A.claim1.reply',
  },
  {
    fault: 'one renewal without a reply lost the lease',
    violated: 'one failed renewal loses no lease',
    schedule: 'a lease shorter than storeTimeoutMs / A.renew1.effect: lost',
  },
  {
    fault: 'an evicted result was joined',
    violated: 'not after evict',
    schedule: "evict, no cache / A.claim2.reply: late 55 / A.c3: with A.claim2.reply'",
  },
  {
    fault: 'an evicted result was joined while its write was repeated',
    violated: 'not after evict',
    schedule: 'evict / A.complete1.reply: lost / A.complete2.effect: lost',
  },
  {
    fault: 'another caller’s abort reached one that joined in the same tick',
    violated: 'an abort affects its caller only',
    schedule: 'aborts, abort / A.c2: abort A.c1 and',
  },
  {
    fault: 'a function was started with an aborted signal',
    violated: 'no run without a caller',
    schedule: 'aborts, abort / A.c1: first A.c2 / A.c1: abort A.c2 and',
  },
  {
    fault: 'a caller’s own abort in the tick of its call was ignored',
    violated: 'an abort ends the wait',
    schedule: 'aborts, keep / A.c2: and abort itself',
  },
  {
    fault: 'attempts began at 1 again when a takeover was given back',
    violated: 'attempts are counted',
    schedule: 'two processes, later again / B.claim1.effect: late 305 / A.run1.end: crash',
  },
  {
    fault: 'a result was replayed after its ttlMs where its age was not known',
    violated: 'not after its ttl',
    schedule: 'ttlMs / A.complete1.reply: pause 350',
  },
  {
    fault: 'a result was replayed after its ttlMs when the wall clock was set back',
    violated: 'not after its ttl',
    schedule: 'a wall clock that is set',
  },
  {
    fault: 'close did not wait for a claim that was given back',
    violated: 'close is the end',
    schedule: 'close / A.claim1.effect: late 55',
  },
  {
    fault: 'a signal aborted later than the lease was over',
    violated: 'one live owner',
    schedule: 'a lease shorter than storeTimeoutMs / A.renew1.effect: lost / A.renew2.effect: lost',
  },
  {
    fault: 'a renewal that took effect late began a lease that had been ended',
    violated: 'no lease without an owner',
    schedule: 'a store that refuses results / B.renew1.effect: late 305',
  },
  {
    fault: 'renewals followed each other without a pause while a result was written',
    violated: 'a bounded number of store calls',
    schedule: 'a store that refuses results / A.run1.end: pause 350',
  },
  {
    fault: 'a run that another owner gave back went on under its old fencing token',
    violated: 'started under a valid lease',
    schedule: 'run when the store fails / A.claim1.reply: pause 350 / B.run1.end: fail',
  },
  {
    fault: 'an evicted result was written again',
    violated: 'not after evict',
    schedule:
      'fetch: no cache, evict / A.complete1.reply: first A.evict1 / A.complete1.reply: late 305',
  },
  {
    fault: 'close did not wait for a renewal that was under way',
    violated: 'close is the end',
    schedule: 'close / A.complete1.reply: pause 350',
  },
  {
    fault: 'a response was cut that ended in the tick in which its lease became uncertain',
    violated: 'nothing is withheld',
    schedule:
      'fetch: one request / A.run1.head: pause 350 / A.renew1.effect: err / A.renew1.reply: with A.run1.end',
  },
];
