import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TokenKeys } from '@postroad/options'
import fc from 'fast-check'
import { type DigestLink, digestMark, isDigestMark, openLink, signLink } from './link.ts'

const key = { name: 'k1', secret: Buffer.alloc(32, 1) }
const other = { name: 'k2', secret: Buffer.alloc(32, 2) }
const link: DigestLink = {
  action: 'release',
  id: 'q-01JABC.1-0a1b2c3d',
  address: 'alice@example.com',
  expires: 1_800_000_000_000,
}

test('what was signed is opened: action, message, time, and for whom; no address stands in it', () => {
  const text = signLink(link, key)
  assert.match(text, /^[A-Za-z0-9._~-]+$/)
  assert.ok(!text.includes('alice') && !Buffer.from(text, 'base64url').toString('latin1').includes('alice'))
  const opened = openLink(text, [other, key])
  assert.deepEqual([opened?.action, opened?.id, opened?.expires], ['release', link.id, link.expires])
  assert.deepEqual([opened?.isFor('alice@example.com'), opened?.isFor('bob@example.com')], [true, false])
})

test('a link of another action, message, recipient or time is another one, and so is that of another key', () => {
  const parts = signLink(link, key).split('~')
  const others = [
    signLink({ ...link, action: 'delete' }, key),
    signLink({ ...link, id: 'q-01JABC.2-0a1b2c3d' }, key),
    signLink({ ...link, address: 'bob@example.com' }, key),
    signLink({ ...link, expires: link.expires + 1_000 }, key),
  ]
  for (const [at, one] of others.entries()) {
    const its = one.split('~')
    // Each part of one with the signature of the other.
    const mixed = its.with(-1, parts.at(-1) ?? '').join('~')
    assert.equal(openLink(mixed, [key]), undefined, String(at))
  }
  assert.equal(openLink(signLink(link, { ...key, secret: other.secret }), [key]), undefined)
  assert.equal(
    openLink(signLink(link, { name: 'k9', secret: Buffer.alloc(32) }), [key]),
    undefined,
    'a name nobody knows',
  )
})

test('nothing that was not signed is opened, and nothing throws', () => {
  const right = signLink(link, key)
  fc.assert(
    fc.property(fc.nat(right.length - 1), fc.constantFrom(...'abcXYZ019~.-_'), (at, letter) => {
      const text = right.slice(0, at) + letter + right.slice(at + 1)
      // The last letter of base64url has bits that say nothing.
      assert.ok(text === right || at === right.length - 1 || openLink(text, [key]) === undefined, text)
    }),
  )
  fc.assert(fc.property(fc.string({ maxLength: 600 }), (text) => openLink(text, [key]) === undefined))
})

test('a digest is known by its mark, and only for whom it was', () => {
  const mark = digestMark('digest.1@mx.test', 'alice@example.com', key)
  assert.ok(isDigestMark(mark, { messageId: 'digest.1@mx.test', owner: 'alice@example.com' }, [other, key]))
  assert.ok(!isDigestMark(mark, { messageId: 'digest.1@mx.test', owner: 'bob@example.com' }, [other, key]))
  assert.ok(!isDigestMark('', { messageId: '', owner: '' }, [key]))
})

test('keys: made once by whoever comes first, for nobody else to read, kept over restarts and rotation', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-keys-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'digest.keys')
  const open = (): TokenKeys => new TokenKeys(async () => file)
  const all = await Promise.all(Array.from({ length: 8 }, () => open().all()))
  assert.equal(new Set(all.map(([first]) => first?.secret.toString('hex'))).size, 1)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const [first] = await open().all()
  assert.ok(first)
  const before = signLink(link, first)
  const keys = open()
  await keys.rotate()
  const [second, ...rest] = await keys.all()
  assert.notEqual(second?.name, first.name)
  assert.deepEqual(rest, [first])
  assert.ok(openLink(before, await open().all()), 'what was signed before is still good')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await readFile(file, 'utf8')).split('\n').length, 3)
  await chmod(file, 0o644)
  await assert.rejects(open().all(), /chmod 600/)
  await chmod(file, 0o600)
  await writeFile(file, 'nonsense\n')
  await assert.rejects(open().all(), /each line is a name/)
})
