/** PostgreSQL by `pg`: a pool, unnamed statements (so that a pooler may stand before it), and connections that fail are not used again. */
import { errorOf } from '@postroad/plugin'
import { ConnectionLine } from '../connection-line.ts'
import { rowsEntry, textsOf } from '../entry.ts'
import type { SqlFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'
import { bound } from '../template.ts'
import { tlsOf } from '../tls.ts'
import { nameOf } from './url-name.ts'

/** Milliseconds an unused connection is kept. */
const IDLE = 60_000
/** Rows of a list that come at once. */
const PAGE = 1_000

/** @throws {Error} when pg is not there, or a certificate cannot be read */
export async function openPostgres(options: SqlFrom, deps: SourceDeps): Promise<DirectorySource> {
  const { default: pg } = await import('pg')
  const { url, password, socket, tls, query } = options
  const { deadline, connections, log } = deps
  const ssl = tls && (await tlsOf(tls, deps))
  const settings = {
    connectionString: url,
    ...(password !== undefined && { password }),
    ...(socket !== undefined && { host: socket }),
    ...(ssl && { ssl: { ...ssl, ...(ssl.servername === undefined && { servername: new URL(url).hostname }) } }),
    connectionTimeoutMillis: deadline,
    application_name: 'postroad',
    keepAlive: true,
  }
  const pool = new pg.Pool({ ...settings, max: connections, idleTimeoutMillis: IDLE, query_timeout: deadline })
  // An unused connection that ends: the next question opens another.
  pool.on('error', (error) => log.debug({ error: errorOf(error) }, 'a connection to the database has ended'))
  const gate = new ConnectionLine(connections)
  const statement = bound(query, (index) => `$${index}`)
  return {
    name: nameOf(url),
    find: (key, signal) =>
      gate.run(async () => rowsEntry((await pool.query(statement.text, statement.of(key))).rows), signal),
    async *list(ask, signal) {
      const client = new pg.Client(settings)
      client.on('error', () => undefined) // the query under way rejects
      const stop = (): void => void client.end().catch(() => undefined) // it is closed, whatever comes of it
      signal.addEventListener('abort', stop)
      try {
        await client.connect()
        await client.query('BEGIN READ ONLY')
        await client.query(`DECLARE postroad_list NO SCROLL CURSOR FOR ${ask.replace(/;\s*$/, '')}`)
        while (true) {
          const { rows } = await client.query(`FETCH ${PAGE} FROM postroad_list`)
          if (rows.length === 0) return
          for (const row of rows) {
            const [[, key] = ['', undefined], ...rest] = Object.entries(row)
            const entry = rowsEntry([Object.fromEntries(rest.length > 0 ? rest : [['value', '']])])
            for (const text of textsOf(key)) if (entry) yield [text, entry]
          }
        }
      } finally {
        signal.removeEventListener('abort', stop)
        stop()
      }
    },
    close: () => pool.end(),
  }
}
