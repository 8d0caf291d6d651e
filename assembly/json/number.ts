export function reprintNumber(ptr: usize, end: usize, out: usize): usize {
  return 0;
}
