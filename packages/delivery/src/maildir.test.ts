import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type MaildirOptions, type MaildirTransport, maildirTransport } from './maildir.ts'
import { folderName, uniqueName } from './maildir-name.ts'
import { job, recipient, source, streamed } from './support/fixture.ts'

async function withFolder(
  options: Partial<MaildirOptions>,
  work: (folder: string, transport: MaildirTransport) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-maildir-'))
  try {
    await work(folder, maildirTransport({ folder, ...options }))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function mails(...path: readonly string[]): Promise<string[]> {
  const folder = join(...path, 'new')
  return await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')))
}

test('a message is in `new` of each recipient, octet for octet below the reverse-path, and nothing is left in `tmp`', async () => {
  await withFolder({}, async (folder, transport) => {
    for (const message of [source('S: x\r\n\r\n', '.\r\n\xff'), streamed('S: x\r\n\r\n', '.\r\n\xff')]) {
      const outcomes = await transport.deliver(job(['b@to.test', 'C@to.test'], { message }))
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['delivered', 'delivered'],
      )
    }
    for (const name of ['b', 'c']) {
      assert.deepEqual(
        await mails(folder, name),
        Array(2).fill('Return-Path: <a@from.test>\r\nS: x\r\n\r\n.\r\n\xc3\xbf'),
      )
      assert.deepEqual([await readdir(join(folder, name, 'tmp')), await readdir(join(folder, name, 'cur'))], [[], []])
    }
    assert.equal((await stat(join(folder, 'b'))).mode & 0o777, 0o700)
  })
})

test('RFC 5321 §4.4: the null reverse-path is written too; Delivered-To is by option', async () => {
  await withFolder({ deliveredTo: true, byDomain: true }, async (folder, transport) => {
    await transport.deliver(job(['b@to.test'], { from: undefined, message: source('x') }))
    assert.deepEqual(await mails(folder, 'to.test', 'b'), ['Delivered-To: b@to.test\r\nReturn-Path: <>\r\nx'])
  })
  await withFolder({ returnPath: false }, async (folder, transport) => {
    await transport.deliver(job(['b@to.test'], { message: source('x') }))
    assert.deepEqual(await mails(folder, 'b'), ['x'])
  })
})

test('a mailbox that cannot be written is deferred without internals, and the log has the call, the error and the path', async () => {
  await withFolder({}, async (folder, transport) => {
    await mkdir(join(folder, 'b'))
    await writeFile(join(folder, 'b', 'tmp'), 'no folder')
    const lines: object[] = []
    const log = { debug: () => {}, info: () => {}, warn: (fields: object) => void lines.push(fields) }
    const [outcome] = await transport.deliver({ ...job(['b@to.test']), log })
    assert.deepEqual([outcome?.kind, outcome?.reply.text], ['deferred', 'The mailbox cannot be written now'])
    const [{ mailbox, error }] = lines as [{ mailbox: string; error: NodeJS.ErrnoException }]
    assert.deepEqual(
      [mailbox, error.code, error.syscall, error.path?.startsWith(join(folder, 'b', 'tmp'))],
      [join(folder, 'b'), 'ENOTDIR', 'open', true],
    )
  })
})

test('the size in the name is the size of the file', async () => {
  await withFolder({}, async (folder, transport) => {
    await transport.deliver(job(['b@to.test'], { message: source('x'.repeat(100)) }))
    const [name = ''] = await readdir(join(folder, 'b', 'new'))
    assert.equal(Number(/,S=(\d+)$/.exec(name)?.[1]), (await stat(join(folder, 'b', 'new', name))).size)
  })
})

test('without `create`, a mailbox that is not there is unknown, and missing mailboxes as such are no reason to bounce', async () => {
  await withFolder({ create: false }, async (folder, transport) => {
    await mkdir(join(folder, 'b'))
    const kinds = async () =>
      (await transport.deliver(job(['b@to.test', 'c@to.test']))).map(({ kind, reply }) => `${kind} ${reply.status}`)
    assert.deepEqual(await kinds(), ['delivered 2.0.0', 'failed 5.1.1'])
    assert.equal(await transport.check(recipient('b@to.test')), undefined)
    assert.equal((await transport.check(recipient('c@to.test')))?.code, 550)
    await rm(folder, { recursive: true })
    assert.deepEqual(await kinds(), ['deferred 4.3.0', 'deferred 4.3.0'])
  })
})

test('deliveries to a mailbox that is being made at the same time all arrive, below folders that were not there', async () => {
  await withFolder({}, async (folder) => {
    const deep = join(folder, 'not', 'there')
    const transport = maildirTransport({ folder: `${deep}/` })
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => transport.deliver(job(['b@to.test', 'c@to.test']))),
    )
    assert.ok(outcomes.flat().every(({ kind }) => kind === 'delivered'))
    assert.deepEqual([(await mails(deep, 'b')).length, (await mails(deep, 'c')).length], [10, 10])
  })
})

test('one mailbox that cannot be written does not keep the mail from the others', async () => {
  await withFolder({}, async (folder, transport) => {
    await writeFile(join(folder, 'b'), 'a file where a folder should be')
    const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test']))
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['deferred', 'delivered'],
    )
  })
})

test('a message that breaks off while it is read is not delivered, and leaves nothing', async () => {
  const message = { size: 3, raw: async function* () { yield Buffer.from('abc'); throw new Error('disk') } } // biome-ignore format: short
  await withFolder({}, async (folder, transport) => {
    assert.deepEqual(
      (await transport.deliver(job(['b@to.test'], { message }))).map(({ kind }) => kind),
      ['deferred'],
    )
    assert.deepEqual([await readdir(join(folder, 'b', 'tmp')), await readdir(join(folder, 'b', 'new'))], [[], []])
  })
})

test('an aborted attempt delivers nothing', async () => {
  await withFolder({}, async (folder, transport) => {
    assert.deepEqual(
      (await transport.deliver(job(['b@to.test'], { signal: AbortSignal.abort() }))).map(({ kind }) => kind),
      ['deferred'],
    )
    assert.deepEqual(await readdir(join(folder, 'b', 'new')), [])
  })
})

test('folders have names that cannot lead elsewhere', () => {
  const table = [['b', 'b'], ['Jane.Doe+x', 'jane.doe+x'], ['..', '%2E.'], ['.', '%2E'], ['.hidden', '%2Ehidden'], ['../../etc', '%2E.%2F..%2Fetc'], ['a b', 'a%20b'], ['%2e', '%252e'], ['d\u00f6', 'd%C3%B6'], ['', undefined]] as const // biome-ignore format: table
  for (const [local, name] of table) assert.equal(folderName(local), name, local)
  assert.equal(folderName('/'.repeat(100)), undefined)
  fc.assert(
    fc.property(fc.array(fc.integer({ max: 0xffff, min: 0 }), { maxLength: 70 }), (units) => {
      const name = folderName(String.fromCharCode(...units))
      if (name !== undefined) assert.match(name, /^(?!\.)[a-z0-9_+=@.%A-F-]{1,200}$/)
    }),
  )
})

test('two local parts share a folder only when they differ by case or normal form', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (a, b) => {
      const isSame = a.normalize('NFC').toLowerCase() === b.normalize('NFC').toLowerCase()
      if (!isSame) assert.notEqual(folderName(a) ?? '/a', folderName(b) ?? '/b') // what no folder is called
    }),
  )
})

test('names of messages are unique, sort by time, and have neither slash nor colon', () => {
  const names = Array.from({ length: 1000 }, () => uniqueName(1_700_000_000_123, 5))
  assert.equal(new Set(names).size, 1000)
  assert.match(names[0] ?? '', /^1700000000\.M123000P\d+Q\d+R[0-9a-f]{12}\.[^/:]+,S=5$/)
  const later = [0, 1, 9, 10, 98, 99, 100, 103, 999, 1000, 1001].map((ms) => uniqueName(1_700_000_000_000 + ms, 5))
  assert.deepEqual(later.toSorted(), later)
})
