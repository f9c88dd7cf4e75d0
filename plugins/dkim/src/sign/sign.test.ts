import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import type { CommandIo, Logger } from '@postroad/plugin'
import { dkimCommands } from '../command.ts'
import { KeyRing, readSigningKey } from './key-ring.ts'
import { signOptions } from './options.ts'
import { signMessage } from './sign.ts'

let folder: string
const logged: string[] = []
const note = (_: object, text: string) => void logged.push(text)
const log: Logger = { debug: note, info: note, warn: note, error: note }

const newKey = (type: 'rsa' | 'ed25519') =>
  (type === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength: 1024 })
    : generateKeyPairSync('ed25519')
  ).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postroad-dkim-'))
  for (const [name, type] of [
    ['a', 'rsa'],
    ['b', 'ed25519'],
    ['c', 'ed25519'],
  ] as const)
    await writeFile(join(folder, name), newKey(type))
})

after(() => rm(folder, { recursive: true }))

const key = (domain: string, file: string) => ({ domain, selector: `s-${file}`, file: join(folder, file) })
const message = (from: string) => messageFromBytes(Buffer.from(`${from}Subject: x\r\n\r\nHello\r\n`))

async function sign(from: string, keys = [key('a.example', 'a'), key('A.example', 'b'), key('sub.a.example', 'c')]) {
  const options = signOptions.parse({ keys, expire: 3600 })
  const ring = await KeyRing.open(options.keys, { log, reload: 1000 }, 0)
  return signMessage(message(from), { ring, options, now: 1_700_000_000_000 })
}

const values = async (from: string) =>
  ((await sign(from))?.headers.all('dkim-signature') ?? []).map((value) =>
    /a=([^;]+).*d=([^;]+); s=([^;]+)/s.exec(value)?.slice(1).join(' '),
  )

test('RFC 8463 §3: all keys of the domain that fits best sign, for it and the names below', async () => {
  assert.deepEqual(await values('From: joe@a.example\r\n'), [
    'rsa-sha256 a.example s-a',
    'ed25519-sha256 a.example s-b',
  ])
  assert.deepEqual(await values('From: Joe <joe@X.A.EXAMPLE>\r\n'), [
    'rsa-sha256 a.example s-a',
    'ed25519-sha256 a.example s-b',
  ])
  assert.deepEqual(await values('From: joe@deep.sub.a.example\r\n'), ['ed25519-sha256 sub.a.example s-c'])
})

test('RFC 8616 §3: authors in other scripts are signed for, with A-labels, however they and the key are written', async () => {
  const signed = ['rsa-sha256 xn--bnk-qla.example s-a']
  for (const written of [
    'b\u00e4nk.example',
    'B\u00c4NK.Example',
    'xn--bnk-qla.example',
    'XN--BNK-QLA.example',
    'ba\u0308nk.example',
  ]) {
    const keys = signOptions.parse({ keys: [key(written, 'a')] }).keys
    for (const from of [
      'joe@b\u00e4nk.example',
      'joe@B\u00c4NK.Example',
      'joe@ba\u0308nk.example',
      'joe@xn--bnk-qla.example',
      'joe@b\u00e4nk\u3002example',
      'j\u00f6e@mail.b\u00e4nk.example',
      '"a@b.example"@b\u00e4nk.example',
      'J\u00f6e (at work) <joe@b\u00e4nk.example> (x@y.example)',
      '=?utf-8?q?J=C3=B6e?= <joe@b\u00e4nk.example>',
      '"x@evil.example" <joe@b\u00e4nk.example>',
      'us: joe@b\u00e4nk.example, ann@xn--bnk-qla.example;',
      'joe@b\u00e4nk.example, ann@XN--BNK-QLA.example',
    ])
      assert.deepEqual(
        ((await sign(`From: ${from}\r\n`, [...keys]))?.headers.all('dkim-signature') ?? []).map((value) =>
          /a=([^;]+).*d=([^;]+); s=([^;]+)/s.exec(value)?.slice(1).join(' '),
        ),
        signed,
        `${written}: ${from}`,
      )
    for (const from of [
      'joe@bank.example',
      'joe@b\u00e4nk.example, x@b.example',
      'joe@b\u00e4nk%2eexample',
      'joe@b\u00e4nk.example.evil.example',
    ])
      assert.equal(await sign(`From: ${from}\r\n`, [...keys]), undefined, from)
  }
})

test('a message without one author domain of ours stays as it is', async () => {
  for (const from of [
    '',
    'From: joe@nota.example\r\n',
    'From: joe\r\n',
    'From: joe@a.example\r\nFrom: joe@a.example\r\n',
    'From: joe@a.example, x@b.example\r\n',
  ]) {
    assert.equal(await sign(from), undefined, from)
  }
  assert.equal((await values('From: joe@a.example, ann@a.example\r\n')).length, 2)
})

test('RFC 5322 §2.1.1: no line of a signature is longer than 78 octets, and x= is t= and the time to live', async () => {
  const signed = await sign('From: joe@a.example\r\n')
  const chunks: Uint8Array[] = []
  for await (const chunk of signed?.raw() ?? []) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  assert.ok(
    text.startsWith(
      'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\td=a.example; s=s-a;\r\n\tt=1700000000; x=1700003600;\r\n\th=from:',
    ),
  )
  for (const line of text.split('\r\n').slice(1)) assert.ok(line.length <= 78, line)
})

test('a key file is read again when it changes, and the old key goes on when the new one is no good', async () => {
  const ring = await KeyRing.open([key('a.example', 'c')], { log, reload: 1000 }, 0)
  const [first] = await ring.for('a.example', 500)
  await writeFile(join(folder, 'c'), newKey('rsa'))
  await utimes(join(folder, 'c'), 1000, 1000)
  assert.equal((await ring.for('a.example', 900))[0], first)
  const [second] = await ring.for('a.example', 1000)
  assert.equal(second?.algorithm, 'rsa-sha256')
  await writeFile(join(folder, 'c'), 'half a k')
  await utimes(join(folder, 'c'), 2000, 2000)
  assert.equal((await ring.for('a.example', 2000))[0], second)
  assert.deepEqual(logged, ['key file read again', 'key file cannot be read, the old key is kept'])
})

test('a key that cannot sign stops the server from starting, and says which file it is', async () => {
  await assert.rejects(
    KeyRing.open([key('a.example', 'missing')], { log, reload: 1 }, 0),
    /the key file .*missing cannot be used/,
  )
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  assert.throws(() => readSigningKey(ec, key('a.example', 'x')), /a ec key cannot sign/)
  const short = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  assert.throws(() => readSigningKey(short, key('a.example', 'x')), /512 bits is too short/)
  assert.throws(() => signOptions.parse({ keys: [{ domain: 'a b', selector: 's', file: 'f' }] }))
  assert.throws(() => signOptions.parse({ keys: [] }))
})

function terminal() {
  const rows: Record<string, unknown>[] = []
  const lines: string[] = []
  const io: CommandIo = {
    json: false,
    row: (fields) => void rows.push(fields),
    print: (line) => void lines.push(line),
    signal: new AbortController().signal,
  }
  return { io, rows, lines }
}

test('keygen writes a key for its owner only and prints its record; check finds the record published', async () => {
  const { io, rows, lines } = terminal()
  for (const type of ['rsa', 'ed25519']) {
    assert.equal(
      await dkimCommands(zoneDns({}))['keygen']?.run(
        ['k.example', '--selector', type, '--type', type, '--folder', folder],
        io,
      ),
      0,
    )
  }
  const [row, edRow] = rows as { name: string; record: string; file: string }[]
  assert.equal(row?.name, 'rsa._domainkey.k.example')
  assert.match(edRow?.record ?? '', /^v=DKIM1; k=ed25519; p=[\w+/]{43}=$/)
  assert.match(lines[0] ?? '', /IN TXT \( "v=DKIM1; k=rsa; p=[^"]{237}" "[^"]+" \)$/)
  assert.equal((await stat(row?.file ?? '')).mode & 0o777, 0o600)
  assert.equal((await readFile(row?.file ?? '', 'utf8')).split('\n')[0], '-----BEGIN PRIVATE KEY-----')
  assert.equal(
    await dkimCommands(zoneDns({}))['keygen']?.run(['k.example', '--selector', 'rsa', '--folder', folder], io),
    1,
  )

  const published = zoneDns({ 'rsa._domainkey.k.example': { TXT: [row?.record ?? ''] } })
  const check = dkimCommands(published)['check']
  assert.equal(await check?.run(['k.example', '--selector', 'rsa', '--key', row?.file ?? ''], io), 0)
  assert.deepEqual(rows[2], {
    name: 'rsa._domainkey.k.example',
    type: 'rsa',
    bits: 2048,
    testing: false,
    matches: true,
  })
  assert.equal(await check?.run(['k.example', '--selector', 'rsa', '--key', edRow?.file ?? ''], io), 1)
  assert.equal(await check?.run(['k.example', '--selector', 'nobody'], io), 1)
})

test('commands complain of what they cannot do', async () => {
  const { io, lines } = terminal()
  const { keygen, check } = dkimCommands(zoneDns({}))
  for (const args of [
    [],
    ['b c.example'],
    ['../x'],
    ['a.example', '--type', 'dsa'],
    ['a.example', '--bits', '512'],
    ['a.example', '--selector', '../x'],
  ]) {
    assert.equal(await keygen?.run(args, io), 1)
  }
  assert.equal(await check?.run(['a.example'], io), 1)
  assert.equal(lines.length, 7)
})
