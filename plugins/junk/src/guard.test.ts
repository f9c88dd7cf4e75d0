import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { fakeClock, memoryLock } from '@postroad/testing'
import { fileJournal } from './journal.ts'
import { Keeper } from './keeper.ts'
import { newId } from './lesson.ts'
import { mailOf } from './mail-fixture.test.ts'
import type { Mind } from './mind.ts'
import { Secret } from './secret.ts'
import { mindSlices, readingMind } from './state-file.ts'
import { Teacher, type Teaching } from './teacher.ts'

const OPTIONS = { oneIn: 2_000, perDay: 5_000, minimum: { spam: 20, ham: 20, users: 1 } }
const DAY = 86_400_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

async function schoolIn(folder: string, clock = fakeClock()) {
  const keeper = new Keeper({
    folder,
    journal: fileJournal(folder),
    options: OPTIONS,
    keep: 180 * DAY,
    clock,
    lock: memoryLock(),
    log,
  })
  const teacher = new Teacher({ keeper, secret: new Secret(Buffer.alloc(32, 7)), clock, hosts: ['mx.test'] })
  await keeper.load()
  const teach = (kind: 'spam' | 'ham', id: number, more: Partial<Teaching> = {}) =>
    teacher.teach(Buffer.from(mailOf(kind, id)), {
      label: kind === 'spam' ? 'junk' : 'wanted',
      source: 'command',
      ...more,
    })
  const teachBoth = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => [teach('spam', from + i), teach('ham', from + i)]).flat())
  const keyOf = (kind: 'spam' | 'ham', id: number) => teacher.keyOf(Buffer.from(mailOf(kind, id)))
  return { keeper, teacher, clock, teach, teachBoth, keyOf }
}

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** 320 of each kind, and some twenty canaries of each: made once, as it takes its time. */
let trained = ''

before(async () => {
  trained = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  const { keeper, teachBoth } = await schoolIn(trained)
  await teachBoth(0, 320)
  await keeper.save()
  await keeper.close()
})

after(() => rm(trained, { recursive: true, force: true }))

async function makeTrained(t: TestContext): Promise<string> {
  const folder = await makeFolder(t)
  await cp(trained, folder, { recursive: true })
  return folder
}

/** A script of the operator has two folders the wrong way round; until learning stops. */
async function swap({ teach }: Awaited<ReturnType<typeof schoolIn>>): Promise<void> {
  let outcome = ''
  for (let id = 1_000; id < 1_400 && outcome !== 'paused'; id++) {
    await teach('ham', id, { label: 'junk' })
    outcome = await teach('spam', id, { label: 'wanted' })
  }
  assert.equal(outcome, 'paused')
}

function digestOf(mind: Mind): string {
  const digest = createHash('sha256')
  for (const slice of mindSlices({ mind, position: '' })) digest.update(slice)
  return digest.digest('hex')
}

test('a canary is not learned; said again it is known, called otherwise it is learned and no canary any more', async (t) => {
  const { keeper, teach, teachBoth, keyOf } = await schoolIn(await makeFolder(t))
  await teachBoth(0, 140)
  const { mind } = keeper
  const ids = Array.from({ length: 140 }, (_, id) => id)
  const spared = ids.filter((id) => mind.canaries.labelOf(keyOf('ham', id)) !== undefined)
  assert.deepEqual(spared, [109, 119, 129, 139])
  assert.deepEqual(mind.model.lessons, { junk: 136, wanted: 136 })
  const before = digestOf(mind)
  const [one = 0] = spared
  assert.equal(await teach('ham', one), 'known')
  assert.equal(mind.model.lessons.wanted, 136)
  assert.notEqual(digestOf(mind), before, 'that it was said again is counted')
  assert.equal(await teach('ham', one, { label: 'junk' }), 'relabelled')
  assert.equal(mind.canaries.labelOf(keyOf('ham', one)), undefined)
  assert.deepEqual(mind.model.lessons, { junk: 137, wanted: 136 })
  assert.equal(await teach('ham', one), 'relabelled')
  assert.deepEqual(mind.model.lessons, { junk: 136, wanted: 137 })
})

test('learning stops when canaries are judged wrong, and undo makes it as before', async (t) => {
  const folder = await makeTrained(t)
  const school = await schoolIn(folder)
  const { keeper, teach, clock } = school
  const untouched = digestOf(keeper.mind)
  assert.equal(keeper.mind.counts.pausedAt, undefined, 'honest lessons raise no alarm')
  await clock.advance(60_000)
  const since = clock.now()
  await swap(school)
  const { junk, wanted } = keeper.mind.model.lessons
  const { weights } = keeper.mind.model.families.grams
  const learned = Buffer.from(weights.slice().buffer)
  assert.equal(await teach('spam', 2_000), 'paused')
  assert.deepEqual(keeper.mind.model.lessons, { junk, wanted })
  assert.ok(learned.equals(Buffer.from(weights.buffer)), 'no weight has moved')
  const { isReady, missing } = keeper.mind.readiness()
  assert.equal(isReady, false)
  assert.ok(missing.some((text) => text.includes('canaries have stopped')))

  await keeper.save()
  assert.notEqual((await schoolIn(folder, clock)).keeper.mind.counts.pausedAt, undefined, 'also after a restart')
  await keeper.submit({ kind: 'undo', id: newId(), at: clock.now(), since, user: undefined })
  assert.equal(keeper.mind.counts.pausedAt, undefined)
  assert.equal(digestOf(keeper.mind), untouched, 'as if nothing had been')
  assert.equal(await teach('spam', 2_001), 'learned')
})

test('an operator who says that it was right resumes, and canaries are chosen anew', async (t) => {
  const school = await schoolIn(await makeTrained(t))
  const { keeper, teach, clock } = school
  await swap(school)
  await keeper.submit({ kind: 'resume', id: newId(), at: clock.now() })
  assert.equal(keeper.mind.counts.pausedAt, undefined)
  assert.deepEqual([...keeper.mind.canaries.all()], [])
  assert.equal(await teach('ham', 1_500, { label: 'junk' }), 'learned')
})

test('what is in the file is what the journal says: also whose labels are believed, and those that wait', async (t) => {
  const folder = await makeFolder(t)
  const clock = fakeClock()
  const { keeper, teach, teachBoth } = await schoolIn(folder, clock)
  await teachBoth(0, 120)
  const outcomes: string[] = []
  for (let id = 500; id < 560; id++)
    outcomes.push(await teach('ham', id, { label: 'junk', user: 'mallory@example.com' }))
  assert.equal(outcomes.at(-1), 'own')
  // Two who often lie say the same of one message: a third makes it a lesson for all.
  for (let id = 600; id < 660; id++) await teach('ham', id, { label: 'junk', user: 'oscar@example.com' })
  for (let id = 660; id < 720; id++) await teach('ham', id, { label: 'junk', user: 'trudy@example.com' })
  assert.equal(await teach('ham', 800, { label: 'junk', user: 'mallory@example.com' }), 'own')
  assert.equal(await teach('ham', 800, { label: 'junk', user: 'oscar@example.com' }), 'own')
  await keeper.save()
  const restarted = await schoolIn(folder, clock)
  assert.equal(digestOf(restarted.keeper.mind), digestOf(keeper.mind), 'from the file')
  await rm(join(folder, 'state'))
  const replayed = await schoolIn(folder, clock)
  assert.equal(digestOf(replayed.keeper.mind), digestOf(keeper.mind), 'from the journal')
  assert.equal(await restarted.teach('ham', 900, { label: 'junk', user: 'mallory@example.com' }), 'own')
  assert.equal(await restarted.teach('ham', 800, { label: 'junk', user: 'trudy@example.com' }), 'learned')
})

test('the mind is written and read in slices, between which mail has its turn', async (t) => {
  const folder = await makeFolder(t)
  const { keeper, teach, teachBoth } = await schoolIn(folder)
  await teachBoth(0, 160)
  for (let user = 0; user < 12; user++) await teach('spam', 300 + user, { user: `user${user}@example.com` })
  const { mind } = keeper
  for (let user = 0; user < 5_000; user++) mind.trust.judge(`user${user}`, 4, 'junk')
  const sizes = [...mindSlices({ mind, position: '' })].map(({ length }) => length)
  assert.ok(Math.max(...sizes) <= 131_072 + 9, `the largest slice has ${Math.max(...sizes)} octets`)
  assert.ok(sizes.length > 50, `${sizes.length} slices`)

  let turns = 0
  let isSaving = true
  const count = (): void => {
    turns++
    if (isSaving) setImmediate(count)
  }
  setImmediate(count)
  await keeper.save()
  isSaving = false
  const { size } = await stat(join(folder, 'state'))
  assert.ok(turns >= Math.floor(size / 262_144), `${turns} turns while ${size} octets were written`)

  let steps = 0
  const reading = readingMind(await readFile(join(folder, 'state')), OPTIONS)
  while (!reading.next().done) steps++
  assert.ok(steps > sizes.length, `${steps} steps for ${sizes.length} slices`)
})
