/** A server in a program of one's own has what the command's server has. */
import path from 'node:path'
import { type Config, createServer as createEngine, judgeConfig, type Server, type ServerOptions } from '@postroad/core'
import { serverServices } from './services.ts'

/**
 * Sets a server up, with every service that `postroad start` gives to plugins: DNS, a store, limits, locks and a spool on this machine's disk, below
 * the `folder` of the configuration. With `services` only those that are named there. Nothing listens yet. The process stays the program's:
 * it is never ended, and its uncaught errors are its own, unless it asks for `guardProcess`. Without a listener it can send: `server.queue.send(…)` after
 * `start`.
 *
 * @throws {BootError} with every mistake of the configuration at once
 * @example
 * await using server = await createServer(config)
 * await server.listen()
 */
export async function createServer(config: Config, given: ServerOptions = {}): Promise<Server> {
  // A program may only send.
  const options = { listens: false, ...given }
  if (options.services) return createEngine(config, options)
  // What is wrong with the configuration is said by the engine, with all the rest.
  const { value: settings } = judgeConfig(config)
  const services = serverServices(path.resolve(options.base ?? '.', settings.folder), settings.dns)
  const onClosed = async (): Promise<void> => {
    await services.close()
    await options.onClosed?.()
  }
  try {
    return await createEngine(config, { ...options, services: services.services, onClosed })
  } catch (error) {
    await onClosed()
    throw error
  }
}
