/** Reads every page of a database's trees once. */
import type { Database } from 'lmdb'

/**
 * Reads all keys of all tables, and the octets of none.
 *
 * @throws {Error} of LMDB, `MDB_CORRUPTED` or `MDB_PAGE_NOTFOUND`, where a page is not what its parent says
 */
export function walk(root: Pick<Database, 'getKeys'>, tableOf: (name: string) => Pick<Database, 'getKeys'> | undefined): void {
  // The main table's keys are the names of the others.
  for (const name of [...root.getKeys({ snapshot: false })]) {
    const table = tableOf(String(name))
    if (table) for (const _ of table.getKeys({ snapshot: false }));
  }
}
