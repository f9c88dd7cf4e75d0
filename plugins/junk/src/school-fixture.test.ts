/** A folder in which a filter has learned enough to act, for tests. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeClock, memoryLock } from '@postroad/testing'
import { mailOf } from './mail-fixture.test.ts'
import { options } from './options.ts'
import { School } from './school.ts'
import type { Teaching } from './teacher.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** Options of a filter that acts soon. */
export const ACTING = { budget: '1 in 100', minimum: { spam: 60, ham: 60, users: 1 } }

/** A filter in a folder, opened as the plugin opens it. */
export function schoolOf(folder: string, more: object = {}): School {
  return new School({
    folder: async () => folder,
    options: options.parse({ ...ACTING, ...more }),
    hostname: 'mx.test',
    clock: fakeClock(),
    lock: memoryLock(),
    log,
    isReadOnly: false,
  })
}

/** Teaches many, and closes it. */
export async function teachMany(
  folder: string,
  { spam, ham, ...more }: { readonly spam: number; readonly ham: number } & Partial<Teaching>,
): Promise<void> {
  const school = schoolOf(folder)
  const open = await school.open()
  const lessons: Promise<string>[] = []
  for (let id = 0; id < Math.max(spam, ham); id++) {
    const teach = (kind: 'spam' | 'ham') =>
      open.teach(Buffer.from(mailOf(kind, id)), {
        label: kind === 'spam' ? 'junk' : 'wanted',
        source: 'command',
        ...more,
      })
    if (id < spam) lessons.push(teach('spam'))
    if (id < ham) lessons.push(teach('ham'))
  }
  await Promise.all(lessons)
  await school.close()
}

/** A folder with a filter that acts; to be deleted by `remove`. */
export async function trainedFolder(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  await teachMany(folder, { spam: 90, ham: 580 })
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

test('a filter that has learned little says what it needs', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await teachMany(folder, { spam: 5, ham: 5 })
  const school = schoolOf(folder)
  const { keeper } = await school.open()
  assert.equal(keeper.mind.readiness().missing[0], '55 more of spam')
  await school.close()
})
