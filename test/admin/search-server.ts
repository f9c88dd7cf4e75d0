/** A server with as many records as it is told, in a process of its own: `search-server.ts RECORDS`. */
import { writeRecords } from './many-records.ts'
import { start, TOKENS } from './server.ts'

const count = Number(process.argv[2])
const stack = new AsyncDisposableStack()
const rig = await start(
  { after: (end) => stack.defer(async () => (end as () => Promise<void>)()) },
  {},
  {},
  { fill: (folder) => writeRecords(folder, { count, now: Date.now() }) },
)
process.on('disconnect', () => void stack.disposeAsync().then(() => process.exit()))
process.send?.({ port: rig.port, smtp: rig.smtp, token: TOKENS.read.secret })
