import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReply } from './reply.ts'

const read = (value: object) => readReply(JSON.stringify(value))

test('an answer of rspamd 3.4 is read', () => {
  const reply = read({
    is_skipped: false,
    score: 7.9,
    required_score: 15,
    action: 'Add Header',
    symbols: {
      MISSING_FROM: { name: 'MISSING_FROM', score: 2, metric_score: 2, description: 'Missing From: header' },
      RCVD_COUNT_ZERO: { name: 'RCVD_COUNT_ZERO', score: 0, options: ['0'] },
    },
    groups: {},
    messages: { smtp_message: 'Try again in a while' },
    subject: '***SPAM*** test',
    'dkim-signature': ['v=1; a', 'v=1; b'],
    milter: {
      remove_headers: { 'X-Spam': 0, 'X-Many': [1, -1] },
      add_headers: {
        'X-One': '1',
        'X-Two': { value: '2', order: 0 },
        'X-Three': [{ value: '3a', index: 1 }, { value: '3b', order: -1 }, '3c'],
      },
      change_from: 'new@client.test',
      add_rcpt: ['carol@mx.test'],
      del_rcpt: ['bob@mx.test'],
      reject: 'quarantine',
      spam_header: { 'X-Spam-Level': '*******' },
    },
  })
  assert.deepEqual(
    [reply.action, reply.score, reply.required, reply.text],
    ['add header', 7.9, 15, 'Try again in a while'],
  )
  assert.deepEqual(reply.symbols.get('RCVD_COUNT_ZERO'), { score: 0, options: ['0'] })
  assert.deepEqual([reply.instead, reply.isNoted], ['quarantine', false])
  assert.deepEqual(reply.edits, {
    add: [
      { name: 'X-One', value: '1', order: undefined },
      { name: 'X-Two', value: '2', order: 0 },
      { name: 'X-Three', value: '3a', order: 1 },
      { name: 'X-Three', value: '3b', order: -1 },
      { name: 'X-Three', value: '3c', order: undefined },
    ],
    remove: [
      { name: 'X-Spam', index: 0 },
      { name: 'X-Many', index: 1 },
      { name: 'X-Many', index: -1 },
    ],
    from: 'new@client.test',
    addRecipients: ['carol@mx.test'],
    removeRecipients: ['bob@mx.test'],
    spamHeaders: [['X-Spam-Level', '*******']],
    subject: '***SPAM*** test',
    signatures: ['v=1; a', 'v=1; b'],
    body: undefined,
  })
})

test('one signature is a text, and one value of a spam header is that of the field that the operator names', () => {
  const { edits } = read({ action: 'no action', score: 0, 'dkim-signature': 'v=1', milter: { spam_header: 'Yes!' } })
  assert.deepEqual([edits.signatures, edits.spamHeaders], [['v=1'], [[undefined, 'Yes!']]])
})

test('what is no verdict is an error, and never a clean message', () => {
  for (const wrong of [
    {},
    [],
    { action: 'no action' },
    { score: 0 },
    { action: '', score: 0 },
    { action: 'no action', score: '0' },
    { error: 'x' },
  ])
    assert.throws(() => read(wrong), /no action or no score/)
  assert.throws(() => readReply(''), SyntaxError)
  assert.throws(() => readReply('{"action":"no action","score":0'), SyntaxError)
})

test('edits of another shape are left out, and the verdict stays', () => {
  const { edits, symbols } = read({
    action: 'no action',
    score: 0,
    symbols: { A: 1, B: null },
    milter: {
      add_headers: { A: 1, B: { order: 1 }, C: null },
      remove_headers: { A: 'all', B: 1.5 },
      add_rcpt: [1],
      reject: 'no',
    },
  })
  assert.deepEqual([edits.add, edits.remove, edits.addRecipients], [[], [], []])
  assert.deepEqual(
    [...symbols],
    [
      ['A', { score: 1, options: [] }],
      ['B', { score: 0, options: [] }],
    ],
  )
  assert.equal(read({ action: 'x', score: 0, milter: [], symbols: [] }).symbols.size, 0)
})
