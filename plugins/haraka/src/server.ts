/** What is one a process in Haraka, and therefore here: the globals of plugins, and `server` with its notes. */
import constants from 'haraka-constants'
import Notes from 'haraka-notes'
import { addLogMethods, type LogSink } from './logger.ts'

/** `server`, as plugins see it. */
export interface HarakaServer {
  readonly notes: InstanceType<typeof Notes>
  readonly cluster: undefined
  cfg: object
  address(): { readonly address: string; readonly port: number }
  [name: string]: unknown
}

let server: HarakaServer | undefined
let sink: LogSink | undefined

/**
 * The server, made on the first call. Names like `DENY` and `server` become globals then: published plugins use them without importing them.
 * A global that is there already stays what it is.
 */
export function harakaServer(log: LogSink): HarakaServer {
  sink = log
  if (server) return server
  const names: Record<string, unknown> = {}
  constants.import(names)
  server = {
    notes: new Notes(),
    cluster: undefined,
    cfg: { main: {} },
    address: () => ({ address: '0.0.0.0', port: 25 }),
  }
  addLogMethods(
    server,
    'server',
    () => sink,
    () => 6,
  )
  names['server'] = server
  for (const [name, value] of Object.entries(names)) {
    if (!(name in globalThis))
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
  }
  return server
}
