/** A process of its own that reads a whole database file, so that nobody else has to die of it: 0 when it could, 1 when it is damaged. */
import { open } from 'lmdb'
import { walk } from './walk.ts'

const [, , folder = ''] = process.argv
try {
  const root = open({ path: folder, readOnly: true, maxDbs: 64, encoding: 'binary' })
  walk(root, (name) => root.openDB({ name, encoding: 'binary' }))
  await root.close()
} catch (error) {
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(text)
  // What LMDB says of the content; anything else (no memory, no descriptors, no lock) tells nothing of the file.
  process.exitCode = /^MDB_(?:CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH)/.test(text) ? 1 : 2
}
