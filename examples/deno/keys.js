// Prints the key of standard input, of any length:  deno run keys.js < upload.bin
// Deno asks for no permission, because nothing here needs one.
import { activeEngine, keyOfStream } from 'samekey';

console.log(await keyOfStream(Deno.stdin.readable));
console.error(`digested by ${activeEngine().name}`);
