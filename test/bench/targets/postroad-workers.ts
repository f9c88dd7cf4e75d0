/** `postroad start`, two workers. */
import { commandTarget } from '../command-target.ts'

export const target = commandTarget('accept', 2)
