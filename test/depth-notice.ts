/** Runs once, after all tests. `npm test` names the part that it leaves out. */
export function teardown(): void {
  if (process.env.TEST_DEEP !== undefined) return;
  console.log(
    'This was the quick part. `npm run test:deep` also runs the long series, every store and every seed.',
  );
}
