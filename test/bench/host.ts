/** The process around one target: starts it, and answers what it has used. Started by `server-process.ts`. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { clearFolder, SOCKET } from './folder.ts'
import type { Running, Target, Usage } from './target.ts'

/** What the parent may ask. */
export type Question =
  | {
      readonly kind: 'start'
      readonly file: string
      readonly port: number
      readonly sinkPort: number
      readonly folder: string
    }
  | { readonly kind: 'usage' | 'idle' | 'close' }

let running: Running | undefined

process.on('message', (question: Question) => {
  answer(question).then(
    (value) => process.send?.({ value }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
// The parent wants no more, or is gone without a word: then nobody else ends what the target has started.
process.once('disconnect', () => {
  clearFolder(process.cwd())
  process.exit(0)
})

async function answer(question: Question): Promise<Usage | undefined> {
  switch (question.kind) {
    case 'start': {
      // `as`: what a file in targets/ is, by agreement.
      const { target } = (await import(pathToFileURL(question.file).href)) as { target: Target }
      running = await target.start({ ...question, socket: join(question.folder, SOCKET) })
      return undefined
    }
    case 'idle':
      // Memory that is only waiting to be collected is not memory a session needs.
      for (let i = 0; i < 3; i++) globalThis.gc?.()
      return usage()
    case 'usage':
      return usage()
    case 'close':
      await running?.close()
      return undefined
  }
}

function usage(): Usage {
  if (running?.usage) return running.usage()
  const received = running?.received?.()
  const { user, system } = process.cpuUsage()
  return {
    cpuUs: user + system,
    rss: process.memoryUsage.rss(),
    peakRss: process.resourceUsage().maxRSS * 1024,
    pids: [process.pid],
    ...(received !== undefined && { received }),
  }
}
