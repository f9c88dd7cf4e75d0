/** Random trees of MIME, and messages that were made to be hard to read: outside of what is changed every octet is as it was. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { messageFromBytes } from '@postroad/message'
import type { Message } from '@postroad/plugin'
import fc from 'fast-check'
import { planDisclaimer, withDisclaimer } from './disclaimer/plan.ts'
import { wordsOf } from './disclaimer/words.ts'
import {
  decodeBase64,
  decodeQuotedPrintable,
  encodeBase64,
  encodeQuotedPrintable,
  TransferDecoder,
} from './mime/transfer-encoding.ts'
import { findWanted } from './strip/find.ts'
import { stripOptions, wantedBy } from './strip/options.ts'
import { remove } from './strip/remove.ts'

const options = stripOptions.parse({ names: ['*.exe'], untouchable: 'leave' })
const look = { depth: options.depth, wanted: wantedBy(options) }
const words = wordsOf({ text: 'Grüße\nvon uns' })

/** A part of a random tree; `program` is what the stripper is to remove, `notice` what comes into its place. */
interface Tree {
  readonly kind: keyof typeof LEAVES | 'notice' | 'message' | 'mixed' | 'alternative' | 'related' | 'signed'
  /** Of a leaf. */
  readonly body: string
  readonly children: readonly Tree[]
  /** Bits: white space after delimiters, a preamble, an epilogue. */
  readonly style: number
  /** Its boundary. */
  readonly place: string
}

const LEAVES = {
  text: 'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit',
  html: 'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable',
  image: 'Content-Type: image/png; name="\u00e9.png"\r\nContent-Transfer-Encoding: base64',
  program: 'Content-Disposition: attachment;\r\n\tfilename*0="a.e"; filename*1=xe',
} as const
const NOTICE =
  'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline'

const unit = fc.constantFrom('a', ' ', '=', '-', '--', '\xe9', '\xff', '\t', '.', '<', '>', '=\r\n', '=3D')
const lines = fc.array(fc.string({ unit, maxLength: 12 }), { maxLength: 4 }).map((some) => some.join('\r\n'))
const node = { body: fc.constant(''), children: fc.constant([]), style: fc.nat(7), place: fc.constant('') }
const { tree } = fc.letrec<{ tree: Tree; leaf: Tree }>((tie) => ({
  leaf: fc.record({ ...node, kind: fc.constantFrom('text', 'html', 'image', 'program'), body: lines }),
  tree: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.record({ ...node, kind: fc.constant('message'), children: fc.tuple(tie('tree')) }),
    fc.record({
      ...node,
      kind: fc.constantFrom('mixed', 'alternative', 'related', 'signed'),
      children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    }),
  ),
}))
const placed = (one: Tree, place = 'r'): Tree => ({
  ...one,
  place,
  children: one.children.map((child, index) => placed(child, `${place}.${index}`)),
})
const trees = tree.map((one) => placed(one))

/** Header section and body. */
function written({ kind, body, children, style, place }: Tree): { readonly head: string; readonly body: string } {
  if (kind === 'notice') return { head: NOTICE, body }
  if (kind in LEAVES) return { head: LEAVES[kind as keyof typeof LEAVES], body }
  const parts = children.map(written)
  if (kind === 'message')
    return {
      head: 'Content-Type: message/rfc822',
      body: parts.map((inner) => `Subject: inner\r\n${inner.head}\r\n\r\n${inner.body}`).join(''),
    }
  const delimiter = `--${place}${style & 1 ? ' \t' : ''}\r\n`
  return {
    head: `Content-Type: multipart/${kind}; boundary="${place}"`,
    body: `${style & 2 ? `preamble --${place}\r\n` : ''}${parts
      .map((part) => `${delimiter}${part.head}\r\n\r\n${part.body}\r\n`)
      .join('')}--${place}--${style & 4 ? '\r\nepilogue' : ''}`,
  }
}

function bytesOf(one: Tree): Buffer {
  const { head, body } = written(one)
  return Buffer.from(`Subject: \xff\r\n${head}\r\n\r\n${body}\r\n`, 'latin1')
}

/** As a message that is stored in pieces of any size. */
function inPieces(bytes: Buffer, size: number): Message {
  const message = messageFromBytes(bytes)
  const whole = message.body.bind(message)
  message.body = async function* () {
    for await (const chunk of whole())
      for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size)
  }
  return message
}

async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

async function strip(message: Message): Promise<Message> {
  const { parts } = await findWanted(message, look)
  return parts.length > 0 ? (await remove(message, parts, options.text)).message : message
}

async function disclaim(message: Message): Promise<Message> {
  return withDisclaimer(message, await planDisclaimer(message, words))
}

const RUNS = { numRuns: 200 }
const pieces = fc.integer({ min: 1, max: 60 })

test('the stripper puts a notice in the place of each program, and changes nothing else', async () => {
  /** A program that is all of a message keeps the header section of that: strip-attachments.test.ts has it. */
  const hosted = (one: Tree): Tree => ({
    ...one,
    kind: one.kind === 'program' ? 'image' : one.kind,
    // Where a notice changes its place, the delimiter is ours.
    style: one.kind === 'alternative' ? one.style & 6 : one.style,
    children: one.children.map((child) => (one.kind === 'message' ? hosted(child) : inside(child))),
  })
  const inside = (one: Tree): Tree => (one.kind === 'program' ? one : hosted(one))
  const expected = (one: Tree): Tree => {
    if (one.kind === 'program') {
      const hash = createHash('sha256').update(one.body, 'latin1').digest('hex')
      const text = `${options.text}\r\n\r\nName:    a.exe\r\nType:    text/plain\r\nSize:    ${one.body.length} octets\r\nSHA-256: ${hash}`
      return { ...one, kind: 'notice', body: text }
    }
    if (one.kind === 'signed') return one
    const children = one.children.map(expected)
    const last = one.kind === 'alternative' ? children.findLastIndex(({ kind }) => kind !== 'notice') : -1
    return { ...one, children: last < 0 ? children : [...children.slice(last + 1), ...children.slice(0, last + 1)] }
  }
  await fc.assert(
    fc.asyncProperty(trees.map(hosted), pieces, async (one, size) => {
      const out = await strip(inPieces(bytesOf(one), size))
      assert.equal(await read(out.raw()), bytesOf(expected(one)).toString('latin1'))
    }),
    RUNS,
  )
})

test('a disclaimer goes into the text that is shown, beside it or around it, and changes nothing else', async () => {
  const shown = ({ kind, children, place }: Tree): readonly string[] => {
    if (kind === 'text' || kind === 'html') return [place]
    if (kind === 'alternative') return children.flatMap(shown)
    return kind === 'mixed' || kind === 'related' ? children.slice(0, 1).flatMap(shown) : []
  }
  const added = (one: Tree, places: readonly string[]): Tree => {
    if (one.children.length > 0) return { ...one, children: one.children.map((child) => added(child, places)) }
    if (!places.includes(one.place)) return one
    const { body } = one
    if (one.kind === 'text')
      return { ...one, body: `${body}${body && (body.endsWith('\n') ? '\r\n' : '\r\n\r\n')}Gr\xfc\xdfe\r\nvon uns\r\n` }
    const isOnLine = /(?:^|\n)$/.test(decodeQuotedPrintable(Buffer.from(body, 'latin1')).octets.toString('latin1'))
    const own = body === '' || body.endsWith('\n') ? '' : /=[ \t]*$/.test(body) ? '\r\n' : '=\r\n'
    return { ...one, body: `${body}${own}${isOnLine ? '' : '\r\n'}<div>Gr&#xFC;&#xDF;e<br>\r\nvon uns</div>\r\n` }
  }
  await fc.assert(
    fc.asyncProperty(trees, pieces, async (one, size) => {
      const bytes = bytesOf(one).toString('latin1')
      const out = await read((await disclaim(inPieces(Buffer.from(bytes, 'latin1'), size))).raw())
      const own = `${NOTICE}\r\n\r\nGr=C3=BC=C3=9Fe\r\nvon uns`
      const places = shown(one)
      if (places.length > 0) {
        // The last line end of a message is that of its text.
        const isLeaf = one.children.length === 0
        assert.equal(
          out,
          isLeaf
            ? leafEnd(one, added({ ...one, body: `${one.body}\r\n` }, places))
            : bytesOf(added(one, places)).toString('latin1'),
        )
      } else if (one.kind === 'mixed') {
        const end = bytes.lastIndexOf(`\r\n--${one.place}--`)
        assert.equal(out, `${bytes.slice(0, end)}\r\n--${one.place}\r\n${own}${bytes.slice(end)}`)
      } else {
        const [, boundary = ''] = /boundary="(=_[0-9a-f]+)"/.exec(out) ?? []
        const { head, body } = written(one)
        assert.ok(
          out.endsWith(
            `\r\n\r\n--${boundary}\r\n${head}\r\n\r\n${body}\r\n\r\n--${boundary}\r\n${own}\r\n--${boundary}--\r\n`,
          ),
        )
      }
    }),
    RUNS,
  )
  function leafEnd(one: Tree, changed: Tree): string {
    return `Subject: \xff\r\n${written(one).head}\r\n\r\n${changed.body}`
  }
})

test('both together, in any order of pieces, read as one: what one adds the other leaves', async () => {
  await fc.assert(
    fc.asyncProperty(trees, pieces, async (one, size) => {
      const once = await disclaim(await strip(inPieces(bytesOf(one), size)))
      const again = await strip(once)
      assert.equal(again, once, 'there is nothing left to strip')
      assert.equal((await read(once.raw())).length, once.size)
    }),
    { numRuns: 100 },
  )
})

test('transfer encodings are read in pieces as they are as a whole', async () => {
  const text = fc.string({
    unit: fc.constantFrom('=', '=3D', '=\r\n', '= \r\n', ' ', '\t', 'a', '\r\n', '\n', '\r', '=zz', '\xff'),
    maxLength: 60,
  })
  await fc.assert(
    fc.property(text, fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (raw, octets, size) => {
      const decoded = (encoding: 'base64' | 'quoted-printable', data: Buffer): Buffer => {
        const decoder = new TransferDecoder(encoding)
        const out: Buffer[] = []
        for (let at = 0; at < data.length; at += size) out.push(decoder.write(data.subarray(at, at + size)))
        return Buffer.concat([...out, decoder.end()])
      }
      const quoted = Buffer.from(raw, 'latin1')
      assert.deepEqual(decoded('quoted-printable', quoted), decodeQuotedPrintable(quoted).octets)
      const own = Buffer.from(octets)
      assert.deepEqual(decoded('base64', Buffer.from(encodeBase64(own))), own)
      assert.deepEqual(decodeBase64(Buffer.from(encodeBase64(own)))?.octets, own)
      const lines = encodeQuotedPrintable(own)
      assert.deepEqual(decodeQuotedPrintable(Buffer.from(lines)).octets, own)
      assert.ok(
        lines.split('\r\n').every((line) => line.length <= 76 && /^[!-~ \t]*$/.test(line) && !/[ \t]$/.test(line)),
      )
    }),
  )
})

test('no octets make the readers fail, and hostile ones take no longer than others', async () => {
  const unit = fc.constantFrom(
    'Content-Type: ', 'multipart/mixed; boundary=b', 'multipart/signed;boundary="b"', 'message/rfc822', 'text/html',
    'text/plain;charset=', 'utf-16', '\r\n', '\r\n\r\n', '\n', '--b', '--b--', '<', '</body>', '"', '(', '\\', ';', '=', '*0=', 'filename',
    'Content-Disposition: attachment;', 'Content-Transfer-Encoding: base64', 'a.exe', '\0', '\xff', '\x1b$B', '<!--',
  ) // biome-ignore format: short
  await fc.assert(
    fc.asyncProperty(fc.string({ unit, maxLength: 30 }), pieces, async (text, size) => {
      const message = inPieces(Buffer.from(text, 'latin1'), size)
      const out = await disclaim(await strip(message))
      assert.equal((await read(out.raw())).length, out.size)
    }),
    { numRuns: 500 },
  )
  const started = process.cpuUsage()
  const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n'
  const fields = [
    '',
    'Content-Disposition: x; filename=',
    'Content-Disposition: x; name="',
    'Content-Type: multipart/x; boundary="',
  ]
  for (const part of [
    '--b\r\n',
    '--c\r\n',
    '<!--',
    '</body',
    '<script>',
    '=\r\n',
    '="',
    '(',
    ';a=',
    '\n ',
    'a.',
    '*',
    ' ',
    '=?',
  ])
    for (const before of ['\r\n', ...fields])
      await disclaim(
        await strip(messageFromBytes(Buffer.from(`${head}${before}${part.repeat(60_000 / part.length)}x`))),
      )
  const many = (kind: string, type: string) =>
    `Content-Type: multipart/${kind}; boundary=b\r\n\r\n--b\r\n\r\nx\r\n${`--b\r\n${type}\r\n\r\n${'x\r\n'.repeat(200)}`.repeat(990)}`
  for (const kind of ['mixed', 'alternative'])
    for (const type of ['Content-Type: text/html', 'Content-Disposition: attachment; filename=a.exe'])
      await disclaim(await strip(messageFromBytes(Buffer.from(many(kind, type)))))
  const { user, system } = process.cpuUsage(started)
  assert.ok(user + system < 15_000_000, `${(user + system) / 1000} ms`)
})

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url))
const skip = existsSync(`${suites}/mime`) ? false : 'needs the suite mime: set POSTROAD_SUITES'

test('the awkward messages of MimeKit: whatever is added and removed, all else is as it was', { skip }, async () => {
  const files = ['messages', 'dkim', 'partial'].flatMap((folder) =>
    readdirSync(`${suites}/mime/${folder}`).map((name) => `${suites}/mime/${folder}/${name}`),
  )
  assert.ok(files.length > 40)
  const types = ['image/*', 'application/*', 'text/html']
  const everything = { depth: 1, wanted: wantedBy(stripOptions.parse({ types })) }
  for (const file of files) {
    const bytes = readFileSync(file)
    const message = messageFromBytes(bytes)
    const plan = await planDisclaimer(message, words)
    const out = await withDisclaimer(message, plan)
    // Backwards: what is not in an edit is the message.
    const body = Buffer.from(await read(message.body()), 'latin1')
    let rest = Buffer.from(await read(out.body()), 'latin1')
    for (const { start, end, octets } of plan.edits) {
      const at = Math.min(start, body.length)
      assert.ok(rest.subarray(at, at + octets.length).equals(octets), file)
      rest = Buffer.concat([rest.subarray(0, at), body.subarray(at, end), rest.subarray(at + octets.length)])
    }
    assert.ok(rest.equals(body), file)
    assert.equal(typeof (await out.mime()).text, 'string', file)
    const found = await findWanted(message, everything)
    const { message: less } = await remove(message, found.parts, 'Removed.')
    const left = await findWanted(less, everything)
    assert.deepEqual([left.parts.length, left.untouchable], [0, found.untouchable], file)
  }
})

test('what hides from filters: a file is removed, or the message is not taken', { skip }, async () => {
  const cases = JSON.parse(readFileSync(`${suites}/mime-evasion/cases.json`, 'utf8')) as readonly Case[]
  const named = { depth: 10, wanted: wantedBy(stripOptions.parse({ names: ['*'] })) }
  let refused = 0
  for (const { name, message: text, names } of cases) {
    const message = messageFromBytes(Buffer.from(text, 'latin1'))
    const { parts, untouchable } = await findWanted(message, named)
    if (untouchable !== undefined) {
      refused++
      continue
    }
    const { attachments } = await (await remove(message, parts, 'Removed.')).message.mime()
    assert.ok(parts.length > 0 && attachments.every(({ filename = '' }) => !names.includes(filename)), name)
  }
  assert.ok(refused < cases.length / 2, `${refused} of ${cases.length} are not taken`)
})

interface Case {
  readonly name: string
  readonly message: string
  /** File names that a mail client shows. */
  readonly names: readonly string[]
}
