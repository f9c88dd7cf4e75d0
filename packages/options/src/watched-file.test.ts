import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchFile } from './watched-file.ts'

interface Fixture {
  readonly path: string
  /** Plays the timer. */
  look(): Promise<void>
  value(): string
  readonly errors: string[]
}

async function watching(use: (fixture: Fixture) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const path = join(folder, 'list')
  await writeFile(path, 'first')
  const errors: string[] = []
  const parse = (text: string) => {
    if (text.includes('wrong')) throw new TypeError('that is wrong')
    return text
  }
  const file = await watchFile({ path, parse, onError: (error) => void errors.push(error.message) })
  await use({ path, look: file.look, value: () => file.value, errors })
  file.close()
  await rm(folder, { recursive: true })
}

test('a file that is being written does not count until two looks have found it the same', () =>
  watching(async ({ path, look, value }) => {
    await writeFile(path, 'half')
    await look()
    assert.equal(value(), 'first')
    await writeFile(path, 'half and half')
    await look()
    assert.equal(value(), 'first')
    await look()
    assert.equal(value(), 'half and half')
  }))

test('what is wrong is said once, with the name of the file, and again when it is wrong in another way', () =>
  watching(async ({ path, look, value, errors }) => {
    await writeFile(path, 'wrong')
    for (let i = 0; i < 5; i++) await look()
    assert.deepEqual(errors, [`${path}: that is wrong`])
    await rename(path, `${path}.away`)
    for (let i = 0; i < 5; i++) await look()
    assert.equal(errors.length, 2)
    assert.match(errors[1] ?? '', /ENOENT/)
    assert.equal(value(), 'first')
    await writeFile(path, 'right')
    for (let i = 0; i < 2; i++) await look()
    assert.equal(value(), 'right')
    assert.equal(errors.length, 2)
  }))

test('a file that is wrong from the beginning is an error that names it', async () => {
  const settings = { path: new URL(import.meta.url).pathname, onError: () => undefined }
  const parse = () => {
    throw new TypeError('that is wrong')
  }
  await assert.rejects(
    watchFile({ ...settings, parse }),
    (error: Error) => error.message === `${settings.path}: that is wrong`,
  )
})
