/** What a database is called. */

/** For logs: host and database, never the password. */
export function nameOf(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
