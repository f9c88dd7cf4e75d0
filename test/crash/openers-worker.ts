/** Opens a database file, says that it is open, and keeps it until it is disconnected. */
import { openLmdb } from '../../packages/embedded/src/lmdb/file.ts'

const [, , folder = '', durability] = process.argv
const file = await openLmdb({ folder, isDurable: durability === 'durable', isBinary: false })
process.once('disconnect', () => void file.close())
process.send?.('open')
