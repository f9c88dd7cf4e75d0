/** SQL databases: what is asked for is bound as parameters, never a part of the text. */
import type { SqlFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'

/** @throws {Error} when the library is not there, or an option is one it cannot take */
export async function openSql(options: SqlFrom, deps: SourceDeps): Promise<DirectorySource> {
  const scheme = options.url.slice(0, options.url.indexOf(':'))
  if (scheme === 'sqlite') return (await import('./sqlite.ts')).openSqlite(options, deps)
  if (scheme === 'mysql' || scheme === 'mariadb') return (await import('./mysql.ts')).openMysql(options, deps)
  return (await import('./postgres.ts')).openPostgres(options, deps)
}
