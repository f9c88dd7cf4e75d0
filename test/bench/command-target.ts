/** `postroad start` as users run it, with one process or several, and what all of them use. */
import { spawn } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LIMITS } from './limits.ts'
import { usageOfTree } from './process-tree.ts'
import { stopChild } from './stop-child.ts'
import type { Place, Running, Target } from './target.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What it does with mail. */
export type Road = 'accept' | 'queue'

const ROADS: Readonly<Record<Road, (sinkPort: number) => string>> = {
  accept: () => `app.use(definePlugin({ name: 'discard-all', hooks: {
    route: () => ({ via: 'discard' }),
    queue: { supports: ['8BITMIME'], handler: ({ envelope }) => ({ id: envelope.id }) },
  } })())`,
  queue: (
    port,
  ) => `app.use(routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: ${port} } } }))
    app.use(queue({ smtp: { tls: { mode: 'none' } } }))`,
}

/** A target of so many processes. */
export function commandTarget(road: Road, workers: number): Target {
  return {
    title: `postroad start, ${workers === 1 ? 'one process' : `${workers} workers`}: ${road === 'accept' ? 'accept and discard' : 'queue durably, then deliver to the sink'}`,
    start: (place) => startCommand(place, road, workers),
  }
}

async function startCommand(place: Place, road: Road, workers: number): Promise<Running> {
  const { folder } = place
  const args = [...commandLine(place, road), ...(workers > 1 ? ['--workers', String(workers)] : [])]
  const server = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
  return {
    usage: () => usageOfTree(server.pid ?? 0),
    close: () => stopChild(server),
  }
}

/** Writes a configuration into the folder, and returns how node is told to start a server with it. */
export function commandLine(
  { port, sinkPort, folder }: Pick<Place, 'port' | 'sinkPort' | 'folder'>,
  road: Road,
  tree: string = ROOT,
): string[] {
  symlinkSync(join(tree, 'node_modules'), join(folder, 'node_modules'))
  const config = join(folder, 'postroad.config.mjs')
  writeFileSync(config, configOf(port, ROADS[road](sinkPort)))
  return [join(tree, 'packages/cli/bin/postroad.js'), 'start', config]
}

function configOf(port: number, use: string): string {
  const listener = { port, host: '127.0.0.1', backlog: 1_024, limits: LIMITS }
  return `import { definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

export default defineConfig({
  hostname: 'mx.postroad.test',
  folder: 'var',
  log: { format: 'silent' },
  setup(app) {
    ${use}
    app.listen(${JSON.stringify(listener)})
  },
})
`
}
