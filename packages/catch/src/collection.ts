/** Caught messages: their octets in files, one each, and what lists and searches need in an index on disk. The memory holds none of them. */
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import type { CaughtEntry, Name } from './entry.ts'
import { ALL, type MailCondition } from './query.ts'

/** How much is kept. */
export interface CatchBounds {
  /** Messages. */
  readonly messages: number
  /** Octets of all together. */
  readonly octets: number
}

/** What happens to the collection, for who shows it. */
export type Change =
  | { readonly kind: 'added'; readonly entry: CaughtEntry }
  | { readonly kind: 'deleted'; readonly ids: readonly string[] | 'all' }
  | { readonly kind: 'changed'; readonly ids: readonly string[] | 'all' }
  /** The oldest had to go, because there were too many. */
  | { readonly kind: 'dropped'; readonly count: number }

/** How many there are. */
export interface CatchCounts {
  readonly total: number
  readonly unread: number
  readonly octets: number
  /** The oldest that had to go since the start. */
  readonly dropped: number
}

/** Messages that go at once when there are too many: a share, so that not each message pays for it. */
const DROPPED_AT_ONCE = 16
/** Ids of one statement. */
const AT_ONCE = 500

const TABLE = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS mail (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, size INTEGER NOT NULL, read INTEGER NOT NULL,
    attachments INTEGER NOT NULL, inline INTEGER NOT NULL, messageId TEXT NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL,
    people TEXT NOT NULL, tags TEXT NOT NULL, rest TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS tagged ON mail (n) WHERE tags <> '[]';
  CREATE INDEX IF NOT EXISTS unread ON mail (n) WHERE read = 0;
  -- What is searched stands apart: who only lists does not read it.
  CREATE TABLE IF NOT EXISTS text (n INTEGER PRIMARY KEY, search TEXT NOT NULL);
  CREATE TRIGGER IF NOT EXISTS gone AFTER DELETE ON mail BEGIN DELETE FROM text WHERE n = old.n; END`
const COLUMNS = 'n, id, at, size, read, attachments, inline, messageId, subject, sender, people, tags, rest'

/** All that was caught, newest first. */
export class Collection {
  readonly #folder: string
  readonly #bounds: CatchBounds
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #watchers = new Set<(change: Change) => void>()
  readonly #folders = new Set<string>()
  #total: number
  #octets: number
  #unread: number
  #dropped = 0
  #isClosed = false

  private constructor(folder: string, bounds: CatchBounds, db: DatabaseSync) {
    this.#folder = folder
    this.#bounds = bounds
    this.#db = db
    const sums = db
      .prepare(
        'SELECT count(*) AS total, coalesce(sum(size), 0) AS octets, coalesce(sum(1 - read), 0) AS unread FROM mail',
      )
      .get()
    this.#total = Number(sums?.['total'])
    this.#octets = Number(sums?.['octets'])
    this.#unread = Number(sums?.['unread'])
  }

  /** Opens what is in this folder, or makes it. */
  static async open(folder: string, bounds: CatchBounds): Promise<Collection> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const db = new DatabaseSync(path.join(folder, 'index.sqlite'))
    db.exec(TABLE)
    return new Collection(folder, bounds, db)
  }

  /** Told of what happens, at once. Gives what ends it. */
  watch(watcher: (change: Change) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  get counts(): CatchCounts {
    return { total: this.#total, unread: this.#unread, octets: this.#octets, dropped: this.#dropped }
  }

  /** Takes it: the octets first, then the line of the index. The oldest go when there is no room. */
  async add(entry: Omit<CaughtEntry, 'n'>, search: string, octets: AsyncIterable<Uint8Array>): Promise<CaughtEntry> {
    const file = this.#fileOf(entry.id)
    const folder = path.dirname(file)
    if (!this.#folders.has(folder)) await mkdir(folder, { recursive: true, mode: 0o700 })
    this.#folders.add(folder)
    try {
      await pipeline(octets, createWriteStream(file, { mode: 0o600 }))
    } catch (error) {
      await rm(file, { force: true })
      throw error
    }
    const { id, at, size, read, attachments, inline, messageId, subject, sender, tags, ...others } = entry
    const { from, to, cc, bcc, replyTo, ...rest } = others
    const people = JSON.stringify({ from, to, cc, bcc, replyTo })
    const line = [id, at, size, Number(read), attachments, inline, messageId, subject, sender, people]
    const { lastInsertRowid } = this.#prepare(
      'INSERT INTO mail (id, at, size, read, attachments, inline, messageId, subject, sender, people, tags, rest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)',
    ).run(...line, JSON.stringify(tags), JSON.stringify(rest))
    this.#prepare('INSERT INTO text (n, search) VALUES (?, ?)').run(lastInsertRowid, search)
    this.#total++
    this.#octets += size
    if (!read) this.#unread++
    const added = { ...entry, n: Number(lastInsertRowid) }
    this.#tell({ kind: 'added', entry: added })
    await this.#makeRoom()
    return added
  }

  /** One; `latest` is the newest. */
  get(id: string): CaughtEntry | undefined {
    const row =
      id === 'latest'
        ? this.#prepare(`SELECT ${COLUMNS} FROM mail ORDER BY n DESC LIMIT 1`).get()
        : this.#prepare(`SELECT ${COLUMNS} FROM mail WHERE id = ?`).get(id)
    return row && entryOf(row)
  }

  /** Those of which this holds, newest first, and how many there are of them. */
  find(
    { sql, values }: MailCondition,
    { start, limit }: { readonly start: number; readonly limit: number },
  ): { readonly entries: readonly CaughtEntry[]; readonly count: number; readonly unread: number } {
    const rows = this.#prepare(`SELECT ${COLUMNS} FROM mail WHERE ${sql} ORDER BY n DESC LIMIT ? OFFSET ?`)
    return { entries: rows.all(...values, limit, start).map(entryOf), ...this.#sums({ sql, values }) }
  }

  #sums({ sql, values }: MailCondition): { readonly count: number; readonly unread: number } {
    if (sql === ALL.sql) return { count: this.#total, unread: this.#unread }
    const sums = this.#prepare(
      `SELECT count(*) AS count, coalesce(sum(1 - read), 0) AS unread FROM mail WHERE ${sql}`,
    ).get(...values)
    return { count: Number(sums?.['count']), unread: Number(sums?.['unread']) }
  }

  /** The oldest of those that came after `n` and of which this holds. */
  next({ sql, values }: MailCondition, n: number): CaughtEntry | undefined {
    const row = this.#prepare(`SELECT ${COLUMNS} FROM mail WHERE n > ? AND (${sql}) ORDER BY n LIMIT 1`).get(
      n,
      ...values,
    )
    return row && entryOf(row)
  }

  /** All octets of one, as they came. */
  async read(id: string): Promise<Buffer | undefined> {
    if (!this.get(id)) return undefined
    return readFile(this.#fileOf(id)).catch((error: NodeJS.ErrnoException) => {
      // It was deleted meanwhile.
      if (error.code === 'ENOENT') return undefined
      throw error
    })
  }

  /** How many of each tag. */
  tags(): ReadonlyMap<string, number> {
    const rows = this.#prepare(
      "SELECT value AS tag, count(*) AS n FROM mail INDEXED BY tagged, json_each(mail.tags) WHERE mail.tags <> '[]' GROUP BY value ORDER BY lower(value)",
    ).all()
    return new Map(rows.map((row) => [String(row['tag']), Number(row['n'])]))
  }

  setTags(ids: readonly string[], tags: readonly string[]): void {
    const set = this.#prepare('UPDATE mail SET tags = ? WHERE id = ?')
    for (const id of ids) set.run(JSON.stringify(tags), id)
    this.#tell({ kind: 'changed', ids })
  }

  /** Those of which this holds; answers how many have changed. */
  setRead({ sql, values }: MailCondition, read: boolean): number {
    const { changes } = this.#prepare(`UPDATE mail SET read = ? WHERE read <> ? AND (${sql})`).run(
      Number(read),
      Number(read),
      ...values,
    )
    this.#unread += read ? -Number(changes) : Number(changes)
    if (changes > 0) this.#tell({ kind: 'changed', ids: 'all' })
    return Number(changes)
  }

  /** Those of which this holds; answers how many there were. */
  async delete({ sql, values }: MailCondition): Promise<number> {
    const rows = this.#prepare(`DELETE FROM mail WHERE ${sql} RETURNING id, size, read`).all(...values)
    await this.#gone(rows)
    if (rows.length > 0)
      this.#tell({ kind: 'deleted', ids: this.#total === 0 ? 'all' : rows.map((row) => String(row['id'])) })
    return rows.length
  }

  /** The files stay where they are. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watchers.clear()
    this.#db.close()
  }

  async #makeRoom(): Promise<void> {
    const { messages, octets } = this.#bounds
    while (!this.#isClosed && this.#total > 1 && (this.#total > messages || this.#octets > octets)) {
      const few = Math.min(this.#total - 1, this.#total > messages ? this.#total - messages : DROPPED_AT_ONCE)
      const rows = this.#prepare(
        'DELETE FROM mail WHERE n IN (SELECT n FROM mail ORDER BY n LIMIT ?) RETURNING id, size, read',
      ).all(few)
      this.#dropped += rows.length
      await this.#gone(rows)
      this.#tell({ kind: 'dropped', count: rows.length })
    }
  }

  async #gone(rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    this.#total -= rows.length
    for (const row of rows) {
      this.#octets -= Number(row['size'])
      this.#unread -= 1 - Number(row['read'])
    }
    for (let at = 0; at < rows.length; at += AT_ONCE)
      await Promise.all(rows.slice(at, at + AT_ONCE).map((row) => rm(this.#fileOf(String(row['id'])), { force: true })))
  }

  /** In folders by the last two characters of the id, which are chance. */
  #fileOf(id: string): string {
    return path.join(this.#folder, 'mail', id.slice(-2), `${id}.eml`)
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement) return statement
    statement = this.#db.prepare(sql)
    // Conditions are made of what somebody types: there is no end of them.
    if (this.#statements.size < 100) this.#statements.set(sql, statement)
    return statement
  }

  #tell(change: Change): void {
    for (const watcher of this.#watchers) watcher(change)
  }
}

function entryOf(row: Readonly<Record<string, unknown>>): CaughtEntry {
  // Written by `add` above, in this shape.
  const people = JSON.parse(String(row['people'])) as {
    from: Name | null
    to: Name[]
    cc: Name[]
    bcc: Name[]
    replyTo: Name[]
  }
  const rest = JSON.parse(String(row['rest'])) as Pick<
    CaughtEntry,
    'recipients' | 'username' | 'snippet' | 'client' | 'authentication' | 'findings'
  >
  return {
    n: Number(row['n']),
    id: String(row['id']),
    at: Number(row['at']),
    size: Number(row['size']),
    read: row['read'] === 1,
    attachments: Number(row['attachments']),
    inline: Number(row['inline']),
    messageId: String(row['messageId']),
    subject: String(row['subject']),
    sender: String(row['sender']),
    tags: JSON.parse(String(row['tags'])),
    ...people,
    ...rest,
  }
}
