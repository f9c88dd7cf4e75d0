/** Who did what: lines of a file that only grows, and is turned over when it is long. */
import { appendFile, open, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import type { ApiAnswer } from '@postroad/admin-api'
import type { HttpContext, Logger } from '@postroad/plugin'

/** One thing that was done, or refused. */
export type AuditEntry = ApiAnswer<'audit'>['items'][number]

/** Octets after which a new file is begun; the one before is kept. */
const LONG = 16_777_216
/** Octets from its end that are read for a list. */
const READ = 1_048_576

/** Written by all workers: each line is one write. */
export class AuditLog {
  readonly #file: string
  readonly #log: Logger

  constructor(folder: string, log: Logger) {
    this.#file = path.join(folder, 'audit.log')
    this.#log = log
  }

  /** What was done stays done when this fails; that is written to the log of the server instead. */
  async add(
    context: Pick<HttpContext, 'caller' | 'remote' | 'now'>,
    what: Omit<AuditEntry, 'at' | 'caller' | 'remote'>,
  ): Promise<void> {
    const entry: AuditEntry = {
      at: context.now(),
      caller: context.caller?.name ?? 'nobody',
      remote: context.remote.address || 'socket',
      ...what,
    }
    this.#log.info({ ...entry }, 'an operator acted')
    try {
      await appendFile(this.#file, `${JSON.stringify(entry)}\n`, { mode: 0o640 })
      if ((await stat(this.#file)).size > LONG) await rename(this.#file, `${this.#file}.1`)
    } catch (error) {
      this.#log.error({ error, entry }, 'the audit log could not be written')
    }
  }

  /** The latest first. @param before number of entries to leave out from the end */
  async list(
    before: number,
    limit: number,
  ): Promise<{ readonly items: AuditEntry[]; readonly next: number | undefined }> {
    const all = [...(await this.#read(`${this.#file}.1`)), ...(await this.#read(this.#file))].toReversed()
    const items = all.slice(before, before + limit)
    return { items, next: before + limit < all.length ? before + limit : undefined }
  }

  async #read(file: string): Promise<AuditEntry[]> {
    const handle = await open(file).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    })
    if (!handle) return []
    try {
      const { size } = await handle.stat()
      const from = Math.max(0, size - READ)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n')
      // Where reading began in the middle of a line, that one is not one; neither is a line that a full disk has cut.
      return lines.slice(from > 0 ? 1 : 0).flatMap(entryOf)
    } finally {
      await handle.close()
    }
  }
}

function entryOf(line: string): AuditEntry[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as AuditEntry] // written above
  } catch {
    return []
  }
}
