import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pourRows } from './rows.ts'
import { skip, stage } from './stage.ts'

test('12,000 rows in one tab: the last 10,000 are kept, those in view are drawn', {
  skip,
  timeout: 240_000,
}, async () => {
  await using window = await stage.chromium.open(`${stage.url}#now`)
  await window.page.getByText('Reply, or subject').waitFor()
  await pourRows(window.page, stage.server, 12_000)
  // The made-up server knows nothing more of the row that was chosen.
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('404')),
    [],
  )
})
