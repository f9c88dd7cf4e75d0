import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress, parseAddress, sameMailbox } from './address.ts'
import { parseForwardPath, parseReversePath } from './path.ts'

const reverse = (text: string) => parseReversePath(text)?.address?.toString()
const forward = (text: string) => parseForwardPath(text)?.address.toString()

test('RFC 5321 §4.1.1.2: a reverse-path gives the address and the parameters', () => {
  assert.deepEqual({ ...parseReversePath('<Jane.Doe@Example.COM>  SIZE=1 BODY=7BIT') }.rest, 'SIZE=1 BODY=7BIT')
  assert.equal(reverse('<Jane.Doe@Example.COM>'), 'Jane.Doe@example.com')
  assert.deepEqual(parseReversePath('<> RET=HDRS'), { address: undefined, rest: 'RET=HDRS' })
  assert.equal(parseReversePath('<a@b>SIZE=1'), undefined)
})

test('RFC 5321 §4.1.1.3: a forward-path is never null, and postmaster needs no domain', () => {
  assert.equal(parseForwardPath('<>'), undefined)
  assert.equal(forward('<PostMaster>'), 'PostMaster')
  assert.equal(forward('<other>'), undefined)
  assert.equal(reverse('<postmaster>'), undefined)
})

test('RFC 5321 §C: a source route is read and ignored', () => {
  assert.equal(forward('<@one.example,@two.example:c@d.example>'), 'c@d.example')
  for (const bad of ['<@a>', '<@a:>', '<@a,b:c@d>', '<@a,:c@d>', '<@:c@d>']) assert.equal(forward(bad), undefined, bad)
})

test('addresses are written as they were read, with as few quotes as possible', () => {
  assert.equal(makeAddress('a b', 'Example.com').toString(), '"a b"@example.com')
  assert.equal(parseAddress('"plain"@example.com')?.toString(), 'plain@example.com')
  assert.equal(parseAddress('"a\\"\\\\@"@example.com')?.local, 'a"\\@')
  assert.throws(() => makeAddress('a\r\nb', 'example.com'), TypeError)
  assert.throws(() => makeAddress('a', ''), TypeError)
})

test('mailboxes are the same when local part and domain are; postmaster without case', () => {
  assert.ok(!sameMailbox(makeAddress('A', 'b.c'), makeAddress('a', 'b.c')))
  assert.ok(sameMailbox(makeAddress('A', 'b.c'), makeAddress('a', 'B.c'), { foldCase: true }))
  assert.ok(sameMailbox(makeAddress('Postmaster', 'b.c'), makeAddress('postmaster', 'b.c')))
})
