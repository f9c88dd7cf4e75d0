/** The matrix: every cell as the paragraph that it names says. `npm run matrix -- --help` runs and prints it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Cell, shownTlsa } from './cell.ts'
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

test('what is published are these cells, and each difference to other servers has a reason', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/tls-matrix.json'), 'utf8')
  const rows = JSON.parse(text) as (Cell & Record<'postfix' | 'exim', { isSame: boolean; reason?: string }>)[] // as publish.ts writes it
  const shown = ({ mx, address, tlsa, server, expected, source }: Cell) =>
    JSON.stringify([mx, address, tlsa, server, expected, source])
  assert.deepEqual(rows.map(shown), CELLS.map(shown))
  for (const { postfix, exim } of rows)
    for (const one of [postfix, exim]) assert.equal(one.isSame, one.reason === undefined)
})
