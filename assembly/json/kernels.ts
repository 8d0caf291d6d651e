/** What the tests of the kernels call in the debug build; some of it is in the ABI, too. */
export { isShortest, printDoubles, reprintNumber } from './number';
export { POWERS } from './layout';
