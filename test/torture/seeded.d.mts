export function random(seed: number): () => number;
export function keyAt(
  row: string,
  number: number,
): { readonly key: string; readonly isHeld: boolean };
