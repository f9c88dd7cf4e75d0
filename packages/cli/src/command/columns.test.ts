import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Columns } from './columns.ts'

function table(): { readonly table: Columns; readonly lines: string[] } {
  const lines: string[] = []
  return { table: new Columns((line) => void lines.push(line.slice(0, -1))), lines }
}

test('columns are as wide as what stands in any row of them', () => {
  const { table: out, lines } = table()
  out.row({ id: 'a', to: 'b@example.test', n: 1 })
  out.row({ id: 'a-longer-one', to: 'c@x.test', n: undefined })
  assert.deepEqual(lines, [])
  out.flush()
  assert.deepEqual(lines, [
    'ID            TO              N',
    'a             b@example.test  1',
    'a-longer-one  c@x.test',
  ])
})

test('answers of other columns have a head of their own, and what both have lines up', () => {
  const { table: out, lines } = table()
  out.row({ scope: 'mx', address: 'alice@example.test', via: 'maildir' })
  out.row({ scope: 'submission', address: 'a@b.test', answer: '550 5.7.1 Relaying denied' })
  out.flush()
  assert.deepEqual(lines, [
    'SCOPE       ADDRESS             VIA',
    'mx          alice@example.test  maildir',
    'SCOPE       ADDRESS             ANSWER',
    'submission  a@b.test            550 5.7.1 Relaying denied',
  ])
})

test('of many rows the first are printed before the last has come, and later ones stand below them', () => {
  const { table: out, lines } = table()
  for (let at = 0; at < 1_200; at++) out.row({ id: at })
  assert.equal(lines.length, 1 + 1_000)
  out.flush()
  out.flush()
  assert.equal(lines.length, 1 + 1_200)
})

test('what waits is shown after a moment without another row', async () => {
  const shown = new Promise<string>((resolve) => new Columns(resolve).row({ id: 'x' }))
  assert.equal(await shown, 'ID\n')
})

test('control characters of strangers do not reach the terminal', () => {
  const { table: out, lines } = table()
  out.row({ subject: 'a\u001b[2J\u009bb\n' })
  out.flush()
  assert.equal(lines[1], 'a·[2J·b·')
})
