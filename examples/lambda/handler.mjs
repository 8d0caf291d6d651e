/**
 * A handler for AWS Lambda that charges an order once, whatever the queue or the caller does. The
 * lease of a run is the time that Lambda leaves to the function: when it has run out, the environment
 * has ended, and no other may take the key before.
 */
import { defineIdentity, keyOf } from 'samekey';
import { createOnce } from 'samekey/once';

/** The fields that identify the operation. A producer may word the note anew. */
const identity = defineIdentity({ include: ['order', 'amount'], scope: ['charge'] });
/** What a waiting duplicate needs to answer before its own time is over. */
const RESERVE_MS = 500;

/**
 * Returns the handler. Create it outside of the handler's calls, with the client.
 *
 * @param {import('samekey/store/dynamodb').DynamoDbStore} store
 * @param {(event: object, key: string) => Promise<object>} charge
 * @param {(key: string) => Promise<object | undefined>} find looks up a charge by its key
 */
export function createHandler(store, charge, find) {
  return async (event, context) => {
    const key = keyOf(event, identity);
    const leaseMs = context.getRemainingTimeInMillis();
    const once = createOnce({
      store,
      leaseMs,
      waitMs: Math.max(0, leaseMs - RESERVE_MS),
      // The environment ended before it stored a result.
      async onUnknown() {
        const found = await find(key);
        return found === undefined ? 'retry' : { value: found };
      },
    });
    return once(key, () => charge(event, key));
  };
}
