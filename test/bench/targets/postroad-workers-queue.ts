/** `postroad start`, two workers, with the embedded queue. */
import { commandTarget } from '../command-target.ts'

export const target = commandTarget('queue', 2)
