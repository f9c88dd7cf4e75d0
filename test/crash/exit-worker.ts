/** Begins to write, and calls `process.exit` so many turns of the event loop later; run by exit.test.ts. */
import { openLmdbStore } from '@postroad/embedded'
import { embeddedStore } from '../contracts/services.ts'

const [folder = '', what, turns] = process.argv.slice(2)
const write = what === 'queue' ? await queueWriter() : storeWriter()
await write()
void write()
exitAfter(Number(turns))

async function queueWriter(): Promise<() => Promise<unknown>> {
  const store = await openLmdbStore({ folder })
  return () => store.suspend({ target: 'example.com', since: 0, reason: 'a test' })
}

function storeWriter(): () => Promise<unknown> {
  const store = embeddedStore(folder, { now: () => Date.now(), sleep: () => Promise.reject(new Error('not needed')) })
  return () => store.set('key', 'value')
}

function exitAfter(left: number): void {
  if (left === 0) process.exit(1)
  setImmediate(() => exitAfter(left - 1))
}
