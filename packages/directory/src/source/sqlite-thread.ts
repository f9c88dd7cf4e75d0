/** The thread on which a SQLite database is asked: takes a statement, answers with its rows, in turn. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** A row, as `node:sqlite` makes it. */
export type SqliteRow = Readonly<Record<string, unknown>>

/** One question. */
export interface SqliteWork {
  readonly sql: string
  readonly values: readonly string[]
}

/** What came of it. */
export type SqliteAnswer =
  | { readonly rows: readonly SqliteRow[] }
  /** `isBusy`: somebody writes. */
  | { readonly error: string; readonly isBusy: boolean }

const SQLITE_BUSY = 5

let database: DatabaseSync | undefined

parentPort?.on('message', (work: SqliteWork) => parentPort?.postMessage(answer(work)))

function answer({ sql, values }: SqliteWork): SqliteAnswer {
  try {
    database ??= new DatabaseSync(String(workerData), { readOnly: true })
    return {
      rows: database
        .prepare(sql)
        .all(...values)
        .map((row) => ({ ...row })),
    }
  } catch (error) {
    const isBusy = error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
    // A file that was replaced is opened again.
    if (!isBusy) close()
    return { error: error instanceof Error ? error.message : String(error), isBusy }
  }
}

function close(): void {
  try {
    database?.close()
  } catch {
    // It is forgotten all the same.
  }
  database = undefined
}
