// The smallest program with samekey. A wrong key changes the exit code: printing would cost time.
import { keyOf } from '../../dist/index.js';

const key = keyOf({ model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: 'Hello' }] });
process.exitCode = key === process.env.EXPECTED_KEY ? 0 : 1;
