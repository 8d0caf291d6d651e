// The key of what comes in, however long it is:  deno run keys.js < upload.bin
// Deno asks for no permission, because nothing needs one.
import { activeEngine, keyOfStream } from 'samekey';

console.log(await keyOfStream(Deno.stdin.readable));
console.error(`digested by ${activeEngine().name}`);
