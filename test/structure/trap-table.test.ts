/** The tables of traps name tests, and a table that names what is not there is worse than none. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ROOT } from './workspace.ts'

const FOLDER = path.join(ROOT, 'test/interop')
const page = readFileSync(path.join(FOLDER, 'README.md'), 'utf8')

test('each table has all of its rows, and each row a test or a reason', () => {
  const counts = page.split(/^## /m).map((part) => {
    const rows = part.match(/^\| \d+ \|.*$/gm) ?? []
    assert.deepEqual(
      rows.map((row) => Number(/\d+/.exec(row)?.[0])),
      rows.map((_, index) => index + 1),
    )
    for (const row of rows) assert.match(row, /`[^`]+`/, row)
    return rows.length
  })
  assert.deepEqual(counts, [0, 25, 12, 20])
})

test('each test that a table names is in the file that it names', () => {
  let count = 0
  // A file, and the titles that follow it.
  for (const [, file = '', titles = ''] of page.matchAll(/\]\(([^)]+\.ts)\)((?:,? `[^`]+`)+)/g)) {
    const text = readFileSync(path.join(FOLDER, file), 'utf8')
    for (const [, title = ''] of titles.matchAll(/`([^`]+)`/g)) {
      count++
      assert.ok(text.includes(title), `${title} is not in ${file}`)
    }
  }
  assert.ok(count >= 90, `${count}`)
})
