import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { inspect } from './inspect.ts'

const LIMITS = { octets: 20 * 1_048_576, files: 1_000, depth: 3, time: 250 }
const SAMPLES = '/usr/share/clamav-testfiles'
const skip = existsSync(SAMPLES) ? false : 'the Debian package clamav-testfiles is missing'

/** Kinds of archives of the package, and what is in each; packers of programs and installers are none. */
const ARCHIVES =
  /^clam(?:_cache_emax)?\.(?:7z|zip|bz2\.zip|d64\.zip|impl\.zip|cab|tar\.gz|tgz|(?:bin-be|bin-le|newc|odc)\.cpio)$/

test('what is in the archives of ClamAV is named', { skip }, async () => {
  const names = readdirSync(SAMPLES).filter((name) => ARCHIVES.test(name))
  assert.ok(names.length >= 11, names.join())
  for (const name of names) {
    const { files } = await inspect(readFileSync(join(SAMPLES, name)), name, LIMITS)
    assert.ok(
      files.some((file) => /\/(?:clam\.exe|clam01\.tgz)/i.test(file)),
      `${name}: ${files.join()}`,
    )
  }
})

test('a kind of archive that nobody here can open is said to be unread', { skip }, async () => {
  for (const name of ['clam.arj', 'clam.exe.szdd', 'clam.exe.bz2']) {
    const { signals } = await inspect(readFileSync(join(SAMPLES, name)), name, LIMITS)
    assert.deepEqual(
      signals.map(([signal]) => signal),
      ['unread'],
      name,
    )
  }
})

test('bombs end: what inflates without end, gzip in gzip', async () => {
  const zeros = gzipSync(Buffer.alloc(100 * 1_048_576))
  let nested: Buffer = gzipSync('x')
  for (let depth = 0; depth < 200; depth++) nested = gzipSync(nested)
  for (const [name, octets] of [
    ['zeros.gz', zeros],
    ['nested.gz', nested],
  ] as const) {
    const begun = process.cpuUsage()
    const { signals } = await inspect(octets, name, LIMITS)
    const { user, system } = process.cpuUsage(begun)
    assert.ok(
      signals.some(([signal]) => signal === 'unread'),
      name,
    )
    assert.ok((user + system) / 1_000 < 1_000, `${name}: ${(user + system) / 1_000} ms`)
  }
})

test('anything can be looked into', async () => {
  const starts = [
    'PK\x03\x04',
    'Rar!\x1a\x07\0',
    '7z\xbc\xaf\x27\x1c',
    '\x1f\x8b\x08',
    'MSCF',
    '%PDF-1.7',
    '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1',
    '{\\rtf',
    '<svg',
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 600 }), async (start, octets) => {
      await inspect(Buffer.concat([Buffer.from(start, 'latin1'), octets]), 'a', LIMITS)
    }),
    { numRuns: 60 },
  )
})
