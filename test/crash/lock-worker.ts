/** A process beside others at one queue. `hold`: takes the writer's lock and keeps it; `use`: opens, reads, then writes. */

import { openLmdbStore } from '@postroad/embedded'
import { openLmdb } from '../../packages/embedded/src/lmdb/file.ts'

const [, , role = '', folder = ''] = process.argv
if (role === 'hold') {
  const file = await openLmdb({ folder, isDurable: true, isBinary: true })
  await file.write(() => {
    process.send?.('held')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120_000)
  })
} else {
  try {
    const store = await openLmdbStore({
      folder,
      minFreeBytes: 0,
      onProblem: ({ message }) => process.send?.(`told ${message}`),
    })
    process.send?.(`read ${(await store.stats()).messages}`)
    await store.suspend({ target: 'a.test', since: 1, reason: '' })
    process.send?.('written')
    await store.close()
  } catch (error) {
    process.send?.(`failed ${error instanceof Error ? error.message : error}`)
  }
  process.exit()
}
