/** A process of its own that reads a whole database file, so that nobody else has to die of it: 0 when it could, 1 when it is damaged. */
import { open } from 'lmdb'
import { meansDamage } from './error.ts'
import { walk } from './walk.ts'

const [, , folder = ''] = process.argv
try {
  const root = open({ path: folder, readOnly: true, maxDbs: 64, encoding: 'binary' })
  walk(root, (name) => root.openDB({ name, encoding: 'binary' }), Number.POSITIVE_INFINITY)
  await root.close()
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = meansDamage(error) ? 1 : 2
}
