/** Reading the configuration again, for operators who want to know how it went: in this process, or in all workers of its supervisor. */
import { execFile } from 'node:child_process'
import cluster from 'node:cluster'
import { promisify } from 'node:util'
import { textOf } from '@postroad/plugin'
import { mistakesOf } from '../command/check.ts'
import { isReloadMessage, outcome, PATIENCE, type ReloadMessage, type ReloadOutcome } from './reload-round.ts'

/** In this process alone. @param reload rejects with the mistakes */
export async function reloadHere(reload: () => Promise<void>): Promise<readonly ReloadOutcome[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE)
  })
  const mistakes = await Promise.race([outcomeOf(reload), late])
  clearTimeout(timer)
  return [outcome({ id: cluster.worker?.id ?? 1, pid: process.pid }, mistakes)]
}

/** A worker's part: it does as it is told, and asks for all. */
export function reloadInWorker(reload: () => Promise<void>): (file: string) => Promise<readonly ReloadOutcome[]> {
  const asked = new Map<number, (outcomes: readonly ReloadOutcome[]) => void>()
  let last = 0
  process.on('message', (message: unknown) => {
    if (!isReloadMessage(message)) return
    const { id } = message
    if (message.reload === 'order') void outcomeOf(reload).then((mistakes) => tell({ reload: 'done', id, mistakes }))
    else if (message.reload === 'told') {
      asked.get(id)?.(message.outcomes)
      asked.delete(id)
    }
  })
  return async (file) => {
    const mistakes = await mistakesIn(file)
    // Nobody is to have it who could not take it.
    if (mistakes.length > 0) return [outcome({ id: cluster.worker?.id ?? 1, pid: process.pid }, mistakes)]
    const id = ++last
    return new Promise((resolve) => {
      asked.set(id, resolve)
      tell({ reload: 'ask', id })
    })
  }
}

function tell(message: ReloadMessage): void {
  process.send?.(message)
}

/** What is wrong with the file, found by a process of its own. */
async function mistakesIn(file: string): Promise<readonly string[]> {
  const [, postroad = ''] = process.argv
  const args = [...process.execArgv, postroad, 'check', file]
  try {
    await promisify(execFile)(process.execPath, args, { timeout: PATIENCE, killSignal: 'SIGKILL' })
    return []
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string } // of execFile
    return linesOf(`${stdout}${stderr}`.trim() || 'the configuration could not be checked')
  }
}

async function outcomeOf(reload: () => Promise<void>): Promise<readonly string[]> {
  try {
    await reload()
    return []
  } catch (error) {
    try {
      return mistakesOf(error).map(({ code, message }) => `${code}: ${message}`)
    } catch {
      return linesOf(textOf(error) || 'it was not reloaded')
    }
  }
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}
