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
const COMMAND = join(ROOT, 'packages/cli/bin/postroad.js')

/** What it does with mail. */
type Road = 'accept' | 'queue'

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

async function startCommand({ port, sinkPort, folder }: Place, road: Road, workers: number): Promise<Running> {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const config = join(folder, 'postroad.config.mjs')
  writeFileSync(config, configOf(port, ROADS[road](sinkPort)))
  const args = [COMMAND, 'start', config, ...(workers > 1 ? ['--workers', String(workers)] : [])]
  const server = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
  return {
    usage: () => usageOfTree(server.pid ?? 0),
    close: () => stopChild(server),
  }
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
