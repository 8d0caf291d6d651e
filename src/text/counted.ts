/** 1234567 as "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** "1 key", "2 keys". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}
