/** The names of the targets. */
export const targets: readonly string[];
/** The inputs that the repository keeps for a target. */
export function readCorpus(target: string): Uint8Array[];
