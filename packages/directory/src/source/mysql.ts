/** MySQL and MariaDB by `mysql2`: prepared statements, and a connection that fails is not used again. */
import { connect, isIP } from 'node:net'
import type { RowDataPacket } from 'mysql2/promise'
import { ConnectionLine } from '../connection-line.ts'
import { rowsEntry, textsOf } from '../entry.ts'
import type { SqlFrom } from '../from.ts'
import { type DirectorySource, type SourceDeps, within } from '../source.ts'
import { bound } from '../template.ts'
import { tlsOf } from '../tls.ts'
import { nameOf } from './url-name.ts'

/** @throws {Error} when mysql2 is not there, or a certificate cannot be read */
export async function openMysql(options: SqlFrom, deps: SourceDeps): Promise<DirectorySource> {
  const { createPool } = await import('mysql2/promise')
  const { createConnection } = await import('mysql2')
  const { url, password, socket, tls, query } = options
  const { deadline, connections } = deps
  const settings = {
    uri: url.replace(/^mariadb:/, 'mysql:'),
    ...(password !== undefined && { password }),
    ...(socket !== undefined && { socketPath: socket }),
    ...(tls && (await secured(url, tls, deps))),
    connectTimeout: deadline,
    bigNumberStrings: true,
    supportBigNumbers: true,
    dateStrings: true,
  }
  const pool = createPool({ ...settings, connectionLimit: connections, enableKeepAlive: true })
  const gate = new ConnectionLine(connections)
  const statement = bound(query, () => '?')
  return {
    name: nameOf(url),
    find: (key, signal) =>
      gate.run(async () => {
        const connection = await within(pool.getConnection(), signal, (late) => late.release())
        try {
          const asked = { sql: statement.text, timeout: deadline }
          const [rows] = await within(connection.execute<RowDataPacket[]>(asked, statement.of(key)), signal)
          connection.release()
          return rowsEntry(rows)
        } catch (error) {
          connection.destroy()
          throw error
        }
      }, signal),
    async *list(ask, signal) {
      const connection = createConnection(settings)
      connection.on('error', () => undefined) // the query under way rejects
      const stop = (): void => connection.destroy()
      signal.addEventListener('abort', stop)
      try {
        connection.query('SET SESSION TRANSACTION READ ONLY')
        for await (const row of connection.query(ask).stream({ highWaterMark: 100 })) {
          const [[, key] = ['', undefined], ...rest] = Object.entries(row as Record<string, unknown>) // as mysql2 makes rows
          const entry = rowsEntry([Object.fromEntries(rest.length > 0 ? rest : [['value', '']])])
          for (const text of textsOf(key)) if (entry) yield [text, entry]
        }
      } finally {
        signal.removeEventListener('abort', stop)
        stop()
      }
    },
    close: () => pool.end(),
  }
}

/**
 * mysql2 holds the certificate against the host it thinks it connects to, and against "localhost" where that is an address: so it is told the name, and
 * given the connection.
 */
async function secured(url: string, tls: NonNullable<SqlFrom['tls']>, deps: SourceDeps) {
  const { hostname, port } = new URL(url)
  const { servername = hostname, ...files } = await tlsOf(tls, deps)
  if (isIP(servername.replaceAll(/[[\]]/g, '')) > 0)
    throw new TypeError('mysql: TLS to an address needs "tls.servername", the name in the certificate of the server')
  return {
    ssl: { ...files, verifyIdentity: true },
    host: servername,
    ...(servername !== hostname && {
      stream: () => connect(port === '' ? 3_306 : Number(port), hostname.replaceAll(/[[\]]/g, '')),
    }),
  }
}
