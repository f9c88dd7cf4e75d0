/** The provider that an option names. Libraries of databases are loaded only when one is used. */
import type { From } from './from.ts'
import type { DirectorySource, SourceDeps } from './source.ts'

/** @throws {Error} when its library is not there, or an option is one it cannot take */
export async function openSource(from: From, deps: SourceDeps): Promise<DirectorySource> {
  const { file, sql, ldap, redis, http, dovecot, socketmap } = from
  if (file) return (await import('./source/file.ts')).openFile(file, deps)
  if (sql) return (await import('./source/sql.ts')).openSql(sql, deps)
  if (ldap) return (await import('./source/ldap.ts')).openLdap(ldap, deps)
  if (redis) return (await import('./source/redis.ts')).openRedis(redis, deps)
  if (http) return (await import('./source/http.ts')).openHttp(http)
  if (dovecot) return (await import('./source/dovecot.ts')).openDovecot(dovecot, deps)
  if (socketmap) return (await import('./source/socketmap.ts')).openSocketmap(socketmap)
  throw new TypeError('"from" names no provider')
}
