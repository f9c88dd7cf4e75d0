/** The matrix: every cell as the paragraph that it names says. `npm run matrix -- --help` runs and prints it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownTlsa } from './cell.ts'
import { CELLS } from './cells.ts'
import { isAsExpected, runCell } from './run-cell.ts'

for (const [number, cell] of CELLS.entries()) {
  const { mx, address, tlsa, server, expected, source } = cell
  const name = `${source}: MX ${mx}, address ${address}, TLSA ${shownTlsa(tlsa)}, STARTTLS ${server.starttls} (${server.chain.join(' ')}): ${expected}`
  test(`${number + 1} ${name}`, async () => {
    const seen = await runCell(cell)
    assert.ok(isAsExpected(cell, seen), `seen: ${seen.shown}, ${seen.messages} messages, ${seen.reply}`)
  })
}

test('no two cells are the same', () => {
  const shown = CELLS.map(({ expected: _, source: __, ...rest }) => JSON.stringify(rest))
  assert.deepEqual(
    shown.filter((one, at) => shown.indexOf(one) !== at),
    [],
  )
})
