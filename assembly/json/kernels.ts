/** Exports for the tests of the debug build. Some of them are also in the ABI. */
export { isShortest, printDoubles, reprintNumber } from './number';
export { POWERS } from './layout';
