import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testFolder } from './fixture.test.ts'
import { openRecords } from './records.ts'

test('a disk that is full in the middle of a block: what was written is found, the rest is counted, nothing throws', async (t) => {
  const folder = await testFolder(t)
  const script = `
    import { openRecords } from ${JSON.stringify(fileURLToPath(new URL('./records.ts', import.meta.url)))}
    import { handFeed, transaction } from ${JSON.stringify(fileURLToPath(new URL('./fixture.test.ts', import.meta.url)))}
    const records = openRecords({ folder: process.argv[1] })
    const feed = handFeed()
    records.keep(feed)
    for (let at = 0; at < 1000; at++) {
      feed.tell(transaction('T' + at + '.1', at))
      if (at % 10 === 9) await records.flush()
    }
    await records.close()
    console.log(records.dropped)`
  // A file may have 64 blocks of 512 octets: writes are cut there, and fail behind it, as on a disk that is full.
  const { stdout, stderr, status } = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -f 64; exec "$@"',
      'sh',
      process.execPath,
      '--conditions=@postroad/source',
      '--input-type=module',
      '-e',
      script,
      folder,
    ],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  const dropped = Number(stdout.trim().split('\n').at(-1))
  const records = openRecords({ folder })
  t.after(() => records.close())
  const { items } = await records.search({ q: 'client.test', limit: 1_000 })
  assert.ok(dropped > 0 && items.length > 0)
  assert.equal(items.length + dropped, 1_000)
})
