/**
 * What is said on connections, line by line, with the answers of handlers between: live, filtered, and without passwords.
 *
 *   trace.ts     subscribes to what listeners, transports and the core publish in this process, and tells lines
 *   seen.ts      what they publish (`node:diagnostics_channel`, `postroad:wire` and `postroad:hook`); nobody subscribed costs a look at a boolean
 *   query.ts     which connections: by network, envelope, listener, next hop
 *   control.ts   a UNIX socket for each process in the folder of the server, for its own user only
 *   follow.ts    reads those of all processes: workers, and servers by --role
 *   dialogue.ts  a traced connection as a file that `postroad dialogue` runs again
 *
 * A reader that is too slow is told how many lines it has missed; a server waits for none.
 *
 * Where to begin: trace.ts.
 */
export { serveControl, type TraceSkipped } from './control.ts'
export { dialogueOf } from './dialogue.ts'
export { followTrace } from './follow.ts'
export type { TraceQuery } from './query.ts'
export { type TraceLine, trace } from './trace.ts'
