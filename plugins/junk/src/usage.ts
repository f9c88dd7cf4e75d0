/** What commands give back: codes of sysexits. */

/** EX_USAGE: the arguments are wrong. */
export const USAGE = 64
/** EX_NOINPUT: there is no such file. */
export const NO_INPUT = 66
/** EX_TEMPFAIL: it could not be done now. */
export const FAILED = 75

/** Wrong arguments, in words. */
export class UsageMistake extends Error {}
