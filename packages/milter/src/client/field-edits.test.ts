import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FieldEdits, fieldOctets } from './field-edits.ts'

const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
const fields = (...names: string[]) => names.map((name) => ({ name }))

/** Names of fields as they are, and texts of written ones. */
function list(edits: FieldEdits<{ name: string }>): string {
  const { top, rest } = edits.result()
  const show = (one: { name: string } | Uint8Array): string =>
    one instanceof Uint8Array ? Buffer.from(one).toString('latin1').trimEnd() : one.name
  return `${top.map(show).join(', ')} | ${rest.map(show).join(', ')}`
}

test('places count with the field of the server, whether it is in the message or another server has it; each edit sees those before', () => {
  for (const [own, mark] of [
    [{ name: 'Received' }, 'Received, '],
    [undefined, ''],
  ] as const) {
    const edits = new FieldEdits({ own, rest: fields('A', 'Received', 'B') }, true)
    edits.insert(0, 'Top', octets(' t'))
    edits.insert(1, 'Next', octets(' n'))
    edits.insert(3, 'Below', octets(' b'))
    edits.change(1, 'received', octets(' theirs'))
    edits.add('End', octets(' e'))
    assert.equal(list(edits), `Top: t, Next: n | ${mark}Below: b, A, received: theirs, B, End: e`)
  }
})

test('the nth of a name moves up when one before it is deleted; 0 is the first; what is not there is added, or nothing', () => {
  const edits = new FieldEdits({ own: undefined, rest: fields('A', 'B', 'a', 'A') }, true)
  edits.change(1, 'A', octets(''))
  edits.change(2, 'A', octets(' second'))
  edits.change(0, 'A', octets(' first'))
  edits.change(3, 'A', octets(''))
  edits.change(3, 'A', octets(' new'))
  assert.equal(list(edits), ' | B, A: first, A: second, A: new')
})

test('fields that milters before have put on top stay there', () => {
  const edits = new FieldEdits({ own: { name: 'Received' }, top: fields('Old'), rest: fields('A') }, true)
  edits.insert(0, 'New', octets(' n'))
  assert.equal(list(edits), 'New: n, Old | Received, A')
})

test('octets of a field: with the blank that the filter writes, or with one of ours; folds are CRLF; two fields are none', () => {
  const text = (value: string, hasSpace = true): string =>
    Buffer.from(fieldOctets('A', octets(value), hasSpace)).toString('latin1')
  assert.equal(text(' x'), 'A: x\r\n')
  assert.equal(text('x'), 'A:x\r\n')
  assert.equal(text('x', false), 'A: x\r\n')
  assert.equal(text(' x\n\ty\r\n z\n'), 'A: x\r\n\ty\r\n z\r\n')
  assert.equal(text(' \xff'), 'A: \xff\r\n')
  assert.throws(() => text(' x\nBcc: y'), /a line that is no fold/)
  assert.throws(() => text(' x\n\ny'), /a line that is no fold/)
  assert.throws(() => text(' x\ry'), /bare CR/)
  for (const name of ['', 'A B', 'A:', 'A\xff', 'A\n'])
    assert.throws(() => fieldOctets(name, octets('x'), true), /no name of a field/)
})
