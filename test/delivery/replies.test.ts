/**
 * The bounce table, against replies that others have seen. `replies.tsv` has a reply a line; the table was made better by those of the half
 * `develop`, and is judged by those of the half `judge`.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { BounceClass } from '../../packages/queue/src/bounce-table.ts'
import { classify, faultOf } from '../../packages/queue/src/classify.ts'

interface KnownReply {
  readonly half: string
  readonly code: number
  readonly status: string | undefined
  readonly text: string
  /** Several where the reply does not say which. */
  readonly classes: readonly string[]
}

const replies: readonly KnownReply[] = readFileSync(new URL('replies.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [half = '', , code, status, , classes = '', text = ''] = line.split('\t')
    return { half, code: Number(code), status: status === '-' ? undefined : status, classes: classes.split('/'), text }
  })

const faultsOf = ({ classes, ...reply }: KnownReply) => classes.map((one) => faultOf(reply, one as BounceClass)) // the file has the names of classes

for (const half of ['develop', 'judge'])
  test(`of ${half}, nine in ten replies get the class that they mean, and 19 in 20 are laid to whose fault it is`, () => {
    const all = replies.filter((reply) => reply.half === half)
    assert.ok(all.length >= 200, `${all.length} replies`)
    const wrong = all.filter((reply) => !reply.classes.includes(classify(reply)))
    const misjudged = all.filter((reply) => !faultsOf(reply).includes(faultOf(reply)))
    const text = wrong.map((reply) => `${classify(reply)}, not ${reply.classes}: ${reply.code} ${reply.text}`)
    assert.ok(wrong.length <= all.length * 0.1, text.join('\n'))
    assert.ok(misjudged.length <= all.length * 0.05, text.join('\n'))
  })

test('no address is found dead by a reply that is about something else', () => {
  const dead = replies.filter((reply) => faultOf(reply) === 'address' && !faultsOf(reply).includes('address'))
  assert.deepEqual(dead, [])
})

test('what is refused for now is never the fault of an address', () => {
  for (const reply of replies.filter(({ code }) => code < 500))
    assert.notEqual(faultOf(reply), 'address', `${reply.code} ${reply.text}`)
})
