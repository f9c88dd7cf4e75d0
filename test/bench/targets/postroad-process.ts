/** `postroad start`, one process. */
import { commandTarget } from '../command-target.ts'

export const target = commandTarget('accept', 1)
