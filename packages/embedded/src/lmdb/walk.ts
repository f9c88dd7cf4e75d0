/** Reads the trees of a database, page by page. */
import type { Database } from 'lmdb'

/**
 * Reads keys of all tables, and the octets of none.
 *
 * @param limit keys of each table; infinity: all of them, so every page that has keys

 * @throws {Error} of LMDB, `MDB_CORRUPTED` or `MDB_PAGE_NOTFOUND`, where a page is not what its parent says
 */
export function walk(
  root: Pick<Database, 'getKeys'>,
  tableOf: (name: string) => Pick<Database, 'getKeys'> | undefined,
  limit: number,
): void {
  const range = { snapshot: false, ...(limit < Number.POSITIVE_INFINITY && { limit }) }
  // The main table's keys are the names of the others.
  for (const name of [...root.getKeys({ snapshot: false })]) {
    const table = tableOf(String(name))
    if (table) for (const _ of table.getKeys(range));
  }
}
