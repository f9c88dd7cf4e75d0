/** The test files of ClamAV: what each is, and what is in it. They are harmless, and all have the same program in them. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Inspections } from './inspections.ts'

const SAMPLES = '/usr/share/clamav-testfiles'
const LIMITS = { octets: 20 * 1_048_576, files: 1_000, depth: 3, time: 2_000 }
const skip = existsSync(SAMPLES) ? false : 'the Debian package clamav-testfiles is missing'

/** By file: a name in it, or what is said of it. Each is of the whole kind, and none is silent. */
const EXPECTED: readonly (readonly [file: RegExp, name: RegExp | undefined, signals: readonly string[]])[] = [
  [/^clam\.(?:7z|zip|bz2\.zip|cab|tar\.gz|tnef|(?:bin-be|bin-le|newc|odc)\.cpio)$/, /\/clam\.exe$/, ['type']],
  // Deflate64 and Implode: the names are read, and what is in the files is not.
  [/^clam\.(?:d64|impl)\.zip$/, /\/clam\.exe$/i, ['unread']],
  [/^clam\.arj$/, /\/clam\.exe$/, ['unread']],
  [/^clam\.exe\.(?:bz2|szdd)$/, /\/content$/, ['type']],
  [/^clam_cache_emax\.tgz$/, /\/clam01\.tgz\/clam02\.tgz/, ['nested', 'unread']],
  [/^clam\.chm$/, undefined, ['unread']],
  [/^clam\.exe\.binhex$/, undefined, ['unread']],
  [/^clam\.sis$/, undefined, ['unread']],
  [/^clam\.exe\.html$/, undefined, ['script']],
  [/^clam\.exe\.rtf$/, undefined, ['object']],
  [/^clam\.(?:ole\.doc|ppt)$/, undefined, ['object']],
  [/^clam\.pdf$/, /\/clam\.exe$/, []],
  // Programs, packed or as installers: the plugin says so by their first octets, whatever they are called.
  [/^clam.*\.exe$/, undefined, []],
  // Messages: MIME is read before attachments are.
  [/^clam\.(?:mail|exe\.mbox\.base64|exe\.mbox\.uu)$/, undefined, []],
]

let inspections: Inspections
before(() => {
  inspections = new Inspections(100)
})
after(() => inspections.close())

for (const file of skip ? ['the samples'] : readdirSync(SAMPLES))
  test(`${file}: what it is, and what is in it`, { skip }, async () => {
    const expected = EXPECTED.find(([fits]) => fits.test(file))
    assert.ok(expected, 'nobody has said what it is')
    const [, name, wanted] = expected
    const { found, lost } = await inspections.ask({
      files: [{ name: file, octets: readFileSync(join(SAMPLES, file)) }],
      limits: LIMITS,
    })
    assert.deepEqual(lost, [])
    const [{ files = [], signals = [] } = {}] = found
    if (name)
      assert.ok(
        files.some((one) => name.test(one)),
        files.join(),
      )
    const kinds = new Set(signals.map(([signal]) => signal))
    for (const signal of wanted) assert.ok(kinds.has(signal as never), `${signal}: ${signals.join('; ')}`)
  })
