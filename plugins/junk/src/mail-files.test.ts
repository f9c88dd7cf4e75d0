import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { findMessages } from './mail-files.ts'
import { mailOf } from './mail-fixture.test.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function all(names: readonly string[], stdin: readonly Buffer[] = []): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const { name, octets } of findMessages(names, streamOf(stdin)))
    found.push([name, octets.toString('latin1')])
  return found
}

async function* streamOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

/** Messages in a mailbox, mboxrd. */
function mbox(mails: readonly string[], end = '\n'): string {
  return mails
    .map((mail) => `From x@y Mon Nov 30 10:00:00 2026${end}${mail.replaceAll(/^(>*From )/gm, '>$1')}${end}`)
    .join('')
}

test('a file is one message, and a mailbox as many as it has', async (t) => {
  const folder = await makeFolder(t)
  const mails = [1, 2, 3].map((id) =>
    mailOf('spam', id).replaceAll('\r\n', '\n').replace('\n\n', '\n\nFrom here on\n\nFrom there\n'),
  )
  await writeFile(join(folder, 'one.eml'), mails[0] ?? '')
  await writeFile(join(folder, 'many.mbox'), mbox(mails))
  const found = await all([join(folder, 'one.eml'), join(folder, 'many.mbox')])
  assert.deepEqual(
    found.map(([name]) => name.slice(folder.length + 1)),
    ['one.eml', 'many.mbox:1', 'many.mbox:2', 'many.mbox:3'],
  )
  assert.deepEqual(
    found.slice(1).map(([, text]) => text.trimEnd()),
    mails.map((mail) => mail.trimEnd()),
  )
})

test('the standard input may be a message or a mailbox, in any pieces', async () => {
  const mails = [4, 5].map((id) => mailOf('ham', id))
  for (const end of ['\n', '\r\n'])
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), async (piece) => {
        const octets = Buffer.from(
          mbox(
            mails.map((mail) => mail.replaceAll('\r\n', end)),
            end,
          ),
        )
        const chunks: Buffer[] = []
        for (let at = 0; at < octets.length; at += piece) chunks.push(octets.subarray(at, at + piece))
        const found = await all(['-'], chunks)
        assert.deepEqual(
          found.map(([, text]) => text.replaceAll('\r\n', '\n').trimEnd()),
          mails.map((mail) => mail.replaceAll('\r\n', '\n').trimEnd()),
        )
      }),
      { numRuns: 25 },
    )
  assert.deepEqual(await all(['-'], [Buffer.from(mails[0] ?? '')]), [['standard input', mails[0]]])
  assert.deepEqual(await all(['-'], []), [])
})

test('a Maildir is its messages, without what the server keeps beside them', async (t) => {
  const folder = await makeFolder(t)
  for (const part of ['cur', 'new', 'tmp', '.Junk/cur']) await mkdir(join(folder, part), { recursive: true })
  for (const file of ['cur/1:2,S', 'new/2', 'tmp/3', '.Junk/cur/4:2,S', 'dovecot.index.log', '.hidden'])
    await writeFile(join(folder, file), mailOf('ham', file.length))
  assert.deepEqual(
    (await all([folder])).map(([name]) => name.slice(folder.length + 1)),
    ['.Junk/cur/4:2,S', 'cur/1:2,S', 'new/2'],
  )
})

test('what is not there is an error that says so', async (t) => {
  await assert.rejects(all([join(await makeFolder(t), 'nothing')]), { code: 'ENOENT' })
})
