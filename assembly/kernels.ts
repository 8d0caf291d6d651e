/** What the debug build exports besides the ABI, for the tests of the kernels. */
export { isShortest, printDoubles, reprintNumber } from './json/number';
export { POWERS } from './layout';
