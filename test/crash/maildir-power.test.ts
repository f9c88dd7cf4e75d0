/** The power goes while mail is put into Maildirs: what the transport has called delivered is in `new`, whole. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { afterPowerCut, promisesOf } from './disk.ts'
import { mailOf } from './maildir-worker.ts'
import { recordWork } from './recording.ts'

const CUTS = Number(process.env['CRASH_ROUNDS'] ?? 3) * 20
const skip = requires('gcc', 'libc6-dev')

test(`after a power cut at any of ${CUTS} moments what was delivered is in its Maildir, whole`, { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-maildir-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const steps = await recordWork(folder, 'maildir-worker.ts', '60')
  let checked = 0
  for (let cut = 1; cut <= CUTS; cut++) {
    const seen = steps.slice(0, Math.ceil((steps.length * cut) / CUTS))
    const at = join(folder, `cut-${cut}`)
    afterPowerCut(seen, at, { survival: [0, 0.5, 1][cut % 3] ?? 0, random: Math.random })
    const promises = promisesOf(seen)
    assert.deepEqual(
      [...new Set(promises.map(({ word }) => word))].slice(0, 2),
      promises.length > 0 ? ['delivered'] : [],
    )
    checked += await check(at, promises.map(({ id }) => id)) // biome-ignore format: short
    await rm(at, { recursive: true, force: true })
  }
  assert.ok(checked > CUTS * 10, `${checked} checked`)
  t.diagnostic(`${checked} deliveries kept over ${CUTS} cuts in ${steps.length} steps`)
})

/** How many deliveries had to be there: `message/user`. */
async function check(at: string, delivered: readonly string[]): Promise<number> {
  const mailboxes = new Map<string, Buffer[]>()
  for (const user of ['one', 'two', 'three']) {
    const path = join(at, 'mail', user, 'new')
    const names = await readdir(path).catch(() => [])
    mailboxes.set(user, await Promise.all(names.map((name) => readFile(join(path, name)))))
  }
  for (const id of delivered) {
    const [name = '', user = ''] = id.split('/')
    const octets = mailOf(name)
    assert.ok(
      mailboxes.get(user)?.some((mail) => mail.equals(octets)),
      `message ${name} was delivered to ${user} and is gone`,
    )
  }
  return delivered.length
}
