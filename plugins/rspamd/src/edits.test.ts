import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import type { Message } from '@postroad/plugin'
import { edited } from './edits.ts'
import { readReply } from './reply.ts'

type Options = Parameters<typeof edited>[2]

const PLAIN: Options = { headers: ['*'], body: true, envelope: true, spamHeader: 'X-Spam', trust: 'action' }
const TEXT = 'X-Many: 1\r\nFrom: a@b.test\r\nx-many: 2\r\nSubject: Hello\r\nX-Many: 3\r\n\r\nold\r\n'

interface Case {
  readonly reply?: object
  readonly body?: string
  readonly options?: Partial<Options>
  readonly now?: (message: Message) => Message
}

async function resultOf({ reply = {}, body, options = {}, now = (one) => one }: Case, ...others: readonly object[]) {
  const message = messageFromBytes(Buffer.from(TEXT))
  const replies = [reply, ...others].map((one) =>
    readReply(
      JSON.stringify({ action: 'no action', score: 0, ...one }),
      body === undefined ? undefined : Buffer.from(body),
    ),
  )
  return edited(now(message), { message, replies }, { ...PLAIN, ...options })
}

async function textOf(given: Case, ...others: readonly object[]): Promise<string> {
  const result = await resultOf(given, ...others)
  const message = 'kind' in result ? result.message : result
  const chunks: Uint8Array[] = []
  for await (const chunk of message?.raw() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const milter = (edits: object) => ({ reply: { milter: edits } })

test('fields are removed by their number as rspamd has counted them: one, all, from the end, several', async () => {
  const left = async (index: unknown) =>
    [...(await textOf(milter({ remove_headers: { 'X-MANY': index } }))).matchAll(/x-many: (\d)/gi)].map(([, n]) => n)
  assert.deepEqual(await left(1), ['2', '3'])
  assert.deepEqual(await left(3), ['1', '2'])
  assert.deepEqual(await left(4), ['1', '2', '3'])
  assert.deepEqual(await left(0), [])
  assert.deepEqual(await left(-1), ['1', '2'])
  assert.deepEqual(await left(-3), ['2', '3'])
  assert.deepEqual(await left(-4), ['1', '2', '3'])
  assert.deepEqual(await left([1, -1]), ['2'])
  assert.deepEqual(await left([1, 1]), ['2', '3'])
})

test('what others have added since is not counted, and stays', async () => {
  const text = await textOf({
    ...milter({ remove_headers: { 'X-Many': 1 } }),
    now: (message) => message.withHeader('X-Many', '0'),
  })
  assert.deepEqual(
    [...text.matchAll(/x-many: (\d)/gi)].map(([, n]) => n),
    ['0', '2', '3'],
  )
})

test('new fields stand on top, among themselves in the order that rspamd says', async () => {
  const text = await textOf(
    milter({
      add_headers: {
        C: 'plain',
        E: { value: 'last', order: -1 },
        D: { value: 'last but one', order: -2 },
        B: [
          { value: 'second', order: 1 },
          { value: 'third', order: 2 },
        ],
        A: { value: 'first', order: 0 },
      },
    }),
  )
  assert.equal(text, `A: first\r\nB: second\r\nB: third\r\nC: plain\r\nD: last but one\r\nE: last\r\n${TEXT}`)
})

test('a value keeps its folds, and cannot end its field; a name that is none is left out', async () => {
  const text = await textOf(
    milter({
      add_headers: { A: 'x\n\ty\r\n z', B: 'x\r\nFrom: evil@x.test\r\n\r\nbody\0', 'C D': 'x', 'E:': 'x', '': 'x' },
    }),
  )
  assert.equal(text, `A: x\r\n\ty\r\n z\r\nB: x\r\n From: evil@x.test\r\n body\r\n${TEXT}`)
})

test('only fields that the operator allows are touched', async () => {
  const edits = milter({ add_headers: { 'X-Spam-Score': '1', 'X-Other': '2' }, remove_headers: { 'X-Many': 0 } })
  assert.equal(await textOf({ ...edits, options: { headers: ['X-Spam-*'] } }), `X-Spam-Score: 1\r\n${TEXT}`)
  assert.equal(await textOf({ ...edits, options: { headers: [] } }), TEXT)
})

test('signatures stand on top in their order', async () => {
  const text = await textOf({ reply: { 'dkim-signature': ['v=1; a=1;\r\n\tb=2', 'v=1; b'] } })
  assert.equal(text, `DKIM-Signature: v=1; a=1;\r\n\tb=2\r\nDKIM-Signature: v=1; b\r\n${TEXT}`)
})

test('`add header` marks the message, with what the rules say; with trust: "score" our thresholds do', async () => {
  const reply = { action: 'add header' }
  assert.equal(await textOf({ reply }), `X-Spam: Yes\r\n${TEXT}`)
  assert.equal(await textOf({ reply, options: { spamHeader: 'X-Junk' } }), `X-Junk: Yes\r\n${TEXT}`)
  assert.equal(await textOf({ reply: { ...reply, milter: { spam_header: 'Very' } } }), `X-Spam: Very\r\n${TEXT}`)
  assert.equal(await textOf({ reply: { ...reply, milter: { spam_header: { Junk: '1' } } } }), `Junk: 1\r\n${TEXT}`)
  assert.equal(await textOf({ reply, options: { trust: 'score' } }), TEXT)
  assert.equal(
    await textOf({ reply: { ...reply, milter: { no_action: true } } }),
    `X-Rspamd-Action: add header\r\n${TEXT}`,
  )
})

test('`rewrite subject` has another subject in the place of the old one', async () => {
  const reply = { action: 'rewrite subject', subject: '***SPAM***\r\n Hello' }
  assert.equal(await textOf({ reply }), TEXT.replace('Subject: Hello', 'Subject: ***SPAM*** Hello'))
  assert.equal(await textOf({ reply: { ...reply, action: 'no action' } }), TEXT)
})

test('a new body has lines as SMTP has them, whatever a rule has made', async () => {
  const head = TEXT.slice(0, -'old\r\n'.length)
  assert.equal(await textOf({ body: 'a\r\nb\nc\rd' }), `${head}a\r\nb\r\nc\r\nd`)
  assert.equal(await textOf({ body: '' }), head)
  assert.equal(await textOf({ body: 'new', options: { body: false } }), TEXT)
})

test('the envelope is changed: sender, the null one too, recipients; what is no address is left out', async () => {
  const envelope = async (edits: object, options: Partial<Options> = {}) => {
    const result = await resultOf({ ...milter(edits), options })
    if (!('kind' in result)) return undefined
    const { from, add, remove } = result
    return { from: from === null ? null : from?.toString(), add: add?.map(String), remove: remove?.map(String) }
  }
  assert.deepEqual(
    await envelope({ change_from: '<new@b.test>', add_rcpt: ['c@b.test', 'no address'], del_rcpt: ['<d@b.test>'] }),
    { from: 'new@b.test', add: ['c@b.test'], remove: ['d@b.test'] },
  )
  assert.deepEqual(await envelope({ change_from: '<>' }), { from: null, add: undefined, remove: undefined })
  assert.equal(await envelope({ change_from: 'no address', add_rcpt: ['@'] }), undefined)
  assert.equal(await envelope({ change_from: 'new@b.test' }, { envelope: false }), undefined)
})

test('of several groups of recipients only what all want is written into their one message; addresses are named', async () => {
  const [one, two] = [
    {
      action: 'add header',
      milter: { add_headers: { A: '1', B: '1' }, add_rcpt: ['c@b.test'], remove_headers: { 'X-Many': 0 } },
    },
    { action: 'no action', milter: { add_headers: { A: '1', B: '2' }, add_rcpt: ['d@b.test'] } },
  ]
  const result = await resultOf({ reply: one }, two)
  assert.ok('kind' in result)
  assert.deepEqual(result.add?.map(String), ['c@b.test', 'd@b.test'])
  assert.equal(await textOf({ reply: one }, two), `A: 1\r\n${TEXT}`)
  assert.match(await textOf({ reply: one }, one), /^X-Spam: Yes\r\nA: 1\r\nB: 1\r\nFrom/)
})
