/** Runs once, after all tests: `npm test` says what it does not do. */
export function teardown(): void {
  if (process.env.TEST_DEEP !== undefined) return;
  console.log(
    'This was the quick part: `npm run test:deep` runs the long series, every store and every seed.',
  );
}
