/** Postroad with the admin interface, and readers of its events in a process of their own, whose work is not the server's. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { admin } from '@postroad/admin'
import type { Place, Running } from './target.ts'
import { startPolicy } from './targets/postroad-policy.ts'

/** Starts it with this many readers; resolves when all read. */
export async function startConsole(place: Place, viewers: number): Promise<Running> {
  const path = join(place.folder, 'web.sock')
  const running = await startPolicy(place, [admin({ page: false })], {
    log: { format: 'json', write: () => undefined },
    beside: { name: 'web', protocol: 'http', path },
  })
  if (viewers === 0) return running
  const child = fork(join(import.meta.dirname, 'viewers.ts'), [path, String(viewers)], { execArgv: [] })
  await once(child, 'message')
  return {
    async close() {
      child.kill()
      await running.close()
    },
  }
}
