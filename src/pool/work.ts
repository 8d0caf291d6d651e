import { activeEngine, type IdentityLike } from '../index.js';
import type { Work } from './batch.js';
import { DEFAULT_MAX_LINE_BYTES } from './options.js';
import { toSendable } from './sendable-identity.js';

/** Returns the settings of a call, validated and ready to be sent. */
export function toWork(
  identity: IdentityLike | undefined,
  { continueOnFault = false, maxLineBytes = DEFAULT_MAX_LINE_BYTES } = {},
): Work {
  return {
    identity: toSendable(identity),
    nowMs: Date.now(),
    engine: activeEngine().choice,
    maxLineBytes,
    continueOnFault,
  };
}
