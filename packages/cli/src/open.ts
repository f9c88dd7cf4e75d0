import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Config, createServer, judgeConfig, type Server, type ServerOptions } from '@postroad/core'
import { loadConfig } from './config/load.ts'
import { rehearsalStage } from './rehearsal/stage.ts'
import { serverServices } from './services.ts'

/** A server from a configuration file. */
export interface Opened {
  readonly server: Server
  readonly file: string
  readonly base: string
  readonly hint: string | undefined
  /** Options of the resolver. */
  readonly dns: NonNullable<Parameters<typeof serverServices>[1]>
  close(): Promise<void>
}

/** What a command puts over the configuration. */
export interface OpenOptions
  extends Pick<ServerOptions, 'rehearsal' | 'looks' | 'role' | 'onFile' | 'sockets' | 'operator'> {
  readonly log?: Config['log']
  /** Resolvers in place of the configuration's. */
  readonly dns?: { readonly servers: readonly string[] }
}

/** Reads the configuration and sets the server up; nothing listens yet. */
export async function open(given: string | undefined, options: OpenOptions = {}): Promise<Opened> {
  const { config, file, base } = await loadConfig(given)
  // What is wrong with it is said by createServer, with all the rest.
  const { value: settings } = judgeConfig(config)
  const services = serverServices(path.resolve(base, settings.folder), { ...settings.dns, ...options.dns })
  const merged = options.log ? { ...config, log: { ...config.log, ...options.log } } : config
  // What a rehearsal spools is nobody else's.
  const folder = options.rehearsal ? await mkdtemp(path.join(os.tmpdir(), 'postroad-try-')) : undefined
  const close = async (): Promise<void> => {
    await services.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  try {
    const stage = options.rehearsal
      ? { rehearsal: true, ...(await rehearsalStage(services.services)) }
      : { services: services.services }
    const server = await createServer(folder === undefined ? merged : { ...merged, folder }, {
      base,
      file,
      ...(options.operator ? { operator: options.operator } : {}),
      ...stage,
      ...(options.looks ? { looks: true } : {}),
      ...(options.role ? { role: options.role } : {}),
      ...(options.sockets ? { sockets: options.sockets } : {}),
      ...(options.onFile ? { onFile: options.onFile } : {}),
    })
    return {
      server,
      file,
      base,
      hint: settings.hint,
      dns: settings.dns,
      async close() {
        await server.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
