/** What the debug build exports besides the ABI, for the tests of the kernels. */
export { isShortest, printDouble, reprintNumber } from './json/number';
export { POWERS } from './layout';
