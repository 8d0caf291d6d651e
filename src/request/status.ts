/** Statuses whose responses have no body (Fetch §2.2.3, "null body status"). */
const NULL_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

export const hasNoBody = (status: number) => NULL_BODY.has(status);
