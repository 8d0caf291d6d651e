/** The bytes to digest, and a minimal request. */

const KIB = 1024;
export const SIZES = [
  { id: '64B', label: '64 B', bytes: 64 },
  { id: '256B', label: '256 B', bytes: 256 },
  { id: '1KiB', label: '1 KiB', bytes: KIB },
  { id: '4KiB', label: '4 KiB', bytes: 4 * KIB },
  { id: '64KiB', label: '64 KiB', bytes: 64 * KIB },
  { id: '1MiB', label: '1 MiB', bytes: KIB * KIB },
];

export const SMALL_CHAT = {
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
};
