/** SQLite by `node:sqlite`, on a thread of its own: its calls do not return before they are done, and mail must not wait for them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { rowsEntry, textsOf } from '../entry.ts'
import type { SqlFrom } from '../from.ts'
import { type DirectorySource, type SourceDeps, within } from '../source.ts'
import { bound } from '../template.ts'
import type { SqliteAnswer, SqliteRow, SqliteWork } from './sqlite-thread.ts'

/** Milliseconds after which a database is asked again that somebody writes to. */
const BUSY_WAIT = 20

/** The file of this name; opened with the first question. */
export function openSqlite({ url, query }: SqlFrom, { resolve }: SourceDeps): DirectorySource {
  const path = resolve(decodeURI(url.slice('sqlite:'.length)))
  const thread = new SqliteThread(path)
  const statement = bound(query, () => '?')
  const ask = async (sql: string, values: readonly string[], signal: AbortSignal): Promise<readonly SqliteRow[]> => {
    while (true) {
      const answer = await within(thread.ask({ sql, values }), signal)
      if ('rows' in answer) return answer.rows
      if (!answer.isBusy) throw new Error(answer.error)
      await sleep(BUSY_WAIT, undefined, { signal })
    }
  }
  return {
    name: `sqlite:${path}`,
    find: async (key, signal) => rowsEntry(await ask(statement.text, statement.of(key), signal)),
    async *list(text, signal) {
      for (const row of await ask(text, [], signal)) {
        const [[, key] = ['', undefined], ...rest] = Object.entries(row)
        const entry = rowsEntry([Object.fromEntries(rest.length > 0 ? rest : [['value', '']])])
        for (const one of textsOf(key)) if (entry) yield [one, entry]
      }
    },
    close: () => thread.close(),
  }
}

interface Waiting {
  resolve(answer: SqliteAnswer): void
  reject(error: unknown): void
}

/** Started when it is first needed, replaced when it dies, and keeps no process alive. */
class SqliteThread {
  readonly #path: string
  readonly #waiting: Waiting[] = []
  #worker: Worker | undefined

  constructor(path: string) {
    this.#path = path
  }

  ask(work: SqliteWork): Promise<SqliteAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#worker.postMessage(work)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    // Beside this file, in the form this file has: source or built.
    const file = new URL(import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js', import.meta.url)
    const worker = new Worker(file, {
      name: 'postroad sqlite',
      workerData: this.#path,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    worker.on('message', (answer: SqliteAnswer) => {
      this.#waiting.shift()?.resolve(answer)
      if (this.#waiting.length === 0) worker.unref()
    })
    const lose = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined
      for (const one of this.#waiting.splice(0)) one.reject(error)
    }
    worker.on('error', lose)
    worker.on('exit', () => lose(new Error('the thread of the database has ended')))
    return worker
  }
}
