/** Any milter as a plugin, with the deadlines, the failure policy and the shadow mode of every other one. */
export { milter } from './milter.ts'
export { type MilterResult, milterResult } from './result.ts'
